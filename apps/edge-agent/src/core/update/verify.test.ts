// The checks that a manifest must pass before anything in it is believed.

import { createSigningKey, createTestHashing, sha256Hex } from "@attune/fakes/node-crypto";
import {
  createTinyRelease,
  signManifest,
  type TinyRelease,
  testSigner,
  testTrustedKeys,
} from "@attune/fakes/tiny-release";
import { chunkSizeBytes, maxFileBytes, releaseFileNames, releaseSchema } from "@attune/shared/contracts/release";
import { pinnedRoot } from "@attune/shared/trust/root";
import { describe, expect, test } from "vitest";
import { type ManifestExpectations, verifyManifest } from "./verify.js";

const hashing = createTestHashing("verify");
const good = createTinyRelease({ sequence: 5 });
const nowMs = Date.parse("2026-11-22T00:00:00Z");

function check(manifest: Uint8Array, expected: Partial<ManifestExpectations> = {}) {
  const target = { sequence: 5, manifestSha256: sha256Hex(manifest) };
  return verifyManifest(
    manifest,
    { target, root: pinnedRoot(testTrustedKeys), knownContracts: [1], highest: null, nowMs, ...expected },
    hashing,
  );
}

const signed = (change: (release: TinyRelease["release"]) => unknown) =>
  signManifest(change(structuredClone(good.release)), [testSigner]);

describe("a manifest", () => {
  test("is accepted when everything fits", async () => {
    expect(await check(good.manifest)).toEqual({ ok: true, value: releaseSchema.parse(good.release) });
  });

  test.each(releaseFileNames)("may declare as much as a %s can be, and no byte more", async (name) => {
    const declaring = (sizeBytes: number) =>
      signed((release) => ({
        ...release,
        files: release.files.map((file) => (file.name === name ? { ...file, ...cut(sizeBytes) } : file)),
      }));
    const cut = (sizeBytes: number) => {
      const { sha256 } = good.release.files[0]!;
      const chunks = [];
      for (let left = sizeBytes; left > 0; left -= chunkSizeBytes) {
        chunks.push({ sha256, sizeBytes: Math.min(left, chunkSizeBytes) });
      }
      return { sizeBytes, chunks };
    };
    expect((await check(declaring(maxFileBytes[name]))).ok).toBe(true);
    expect(await check(declaring(maxFileBytes[name] + 1))).toMatchObject({ reason: "manifestMalformed" });
    const others = Object.values(maxFileBytes).toSorted((a, b) => b - a);
    expect(others[1]).toBeLessThanOrEqual(others[0]! / 16);
  });

  test("is refused with another hash than the target's", async () => {
    const target = { sequence: 5, manifestSha256: "a".repeat(64) };
    expect(await check(good.manifest, { target })).toMatchObject({ reason: "digestMismatch" });
  });

  test("is refused when it was not signed by a trusted key, or changed after signing", async () => {
    expect(await check(signManifest(good.release, [createSigningKey()]))).toMatchObject({
      reason: "manifestSignature",
    });
    const changed = JSON.parse(new TextDecoder().decode(good.manifest));
    changed.payload.modelVersion = "9.9.9";
    expect(await check(new TextEncoder().encode(JSON.stringify(changed)))).toMatchObject({
      reason: "manifestSignature",
    });
  });

  test("needs the threshold of distinct keys: one key that signs twice counts once", async () => {
    const other = createSigningKey();
    const root = pinnedRoot({
      threshold: 2,
      keys: [...testTrustedKeys.keys, { keyId: other.keyId, publicKey: other.publicKey }],
    });
    const twice = signManifest(good.release, [testSigner, testSigner]);
    expect(await check(twice, { root })).toMatchObject({ reason: "manifestSignature" });
    const both = signManifest(good.release, [testSigner, other]);
    expect(await check(both, { root })).toMatchObject({ ok: true });
    // The same key under two names is still one key.
    const alias = { keyId: "0".repeat(16), publicKey: testSigner.publicKey };
    const aliased = pinnedRoot({ threshold: 2, keys: [...testTrustedKeys.keys, alias] });
    const doubled = signManifest(good.release, [testSigner, { ...testSigner, keyId: alias.keyId }]);
    expect(await check(doubled, { root: aliased })).toMatchObject({ reason: "manifestSignature" });
  });

  test("is refused where no key may sign manifests, or where the signing key has another role", async () => {
    const { targets, ...roles } = pinnedRoot(testTrustedKeys).roles;
    const root = { ...pinnedRoot(testTrustedKeys), roles };
    expect(targets).toEqual(roles.timestamp);
    expect(await check(good.manifest, { root })).toMatchObject({ reason: "manifestSignature" });
  });

  test("is refused once it has expired", async () => {
    const late = Date.parse("2027-11-01T00:00:01Z");
    expect(await check(good.manifest, { nowMs: late })).toMatchObject({ reason: "manifestExpired" });
  });

  test("is refused when it goes back, or comes again under an accepted number with another content", async () => {
    const highest = (sequence: number, manifestSha256 = "b".repeat(64)) => ({ highest: { sequence, manifestSha256 } });
    expect(await check(good.manifest, highest(6))).toMatchObject({ reason: "manifestRollback" });
    expect(await check(good.manifest, highest(5))).toMatchObject({ reason: "manifestRollback" });
    expect(await check(good.manifest, highest(5, good.manifestSha256))).toMatchObject({ ok: true });
    expect(await check(good.manifest, highest(4))).toMatchObject({ ok: true });
  });

  test("is refused when it is not the release that was announced", async () => {
    const other = signed((release) => ({ ...release, sequence: 6 }));
    expect(await check(other)).toMatchObject({ reason: "manifestMismatch" });
  });

  test("is refused for an egress contract that this device does not speak", async () => {
    const other = signed((release) => ({ ...release, egressContractVersion: 99 }));
    expect(await check(other)).toMatchObject({ reason: "contractUnsupported" });
    expect(await check(other, { knownContracts: [1, 99] })).toMatchObject({ ok: true });
    expect(await check(good.manifest, { knownContracts: [99] })).toMatchObject({ reason: "contractUnsupported" });
  });

  test.each([
    ["an unknown field", (release: object) => ({ ...release, note: "hello" })],
    [
      "an unknown file",
      (r: TinyRelease["release"]) => ({ ...r, files: [...r.files, { ...r.files[0], name: "x.sh" }] }),
    ],
    ["a missing file", (r: TinyRelease["release"]) => ({ ...r, files: r.files.slice(1) })],
    ["chunks that do not add up", (r: TinyRelease["release"]) => ({ ...r, files: [{ ...r.files[0], sizeBytes: 1 }] })],
    ["repeated labels", (r: TinyRelease["release"]) => ({ ...r, labels: ["joy", "joy"] })],
    ["an unknown kind", (release: object) => ({ ...release, kind: "root" })],
  ])("is refused with %s, though signed", async (_, change) => {
    expect(await check(signed(change))).toMatchObject({ reason: "manifestMalformed" });
  });

  test.each([
    ["not JSON", "{"],
    ["not an envelope", "{}"],
    ["nested beyond all measure", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
    ["without signatures", JSON.stringify({ payload: {}, signatures: [] })],
  ])("is refused when it is %s", async (_, text) => {
    expect(await check(new TextEncoder().encode(text))).toMatchObject({ reason: "manifestMalformed" });
  });
});
