import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trustedKeysSchema } from "@attune/shared/trust/keys";
import { pinnedRoot } from "@attune/shared/trust/root";
import { signedEnvelopeSchema, verifySigned } from "@attune/shared/trust/signed";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openReleaseSigner, type ReleaseSigner, verifyEd25519 } from "./sign.js";

let keys: string;
beforeEach(async () => {
  keys = await mkdtemp(join(tmpdir(), "attune-keys-"));
});
afterEach(() => rm(keys, { recursive: true, force: true }));

test("the first start makes a key that only its owner reads, and later starts use it", async () => {
  const first = await openReleaseSigner(keys);
  const second = await openReleaseSigner(keys);
  expect(second.fingerprint).toBe(first.fingerprint);
  expect(trustedKeysSchema.parse(first.trustedKeys).threshold).toBe(1);
  expect(await readdir(keys)).toEqual(["release-1.pem"]);
  expect((await stat(join(keys, "release-1.pem"))).mode & 0o777).toBe(0o600);
});

test("what it signs verifies with its trusted keys, and with no one else's", async () => {
  const signer = await openReleaseSigner(keys);
  const envelope = signedEnvelopeSchema.parse(signer.sign({ kind: "release", sequence: 1 }));
  const check = (signed: unknown, { trustedKeys }: ReleaseSigner) =>
    verifySigned(signed, { root: pinnedRoot(trustedKeys), role: "targets" }, verifyEd25519);
  expect(await check(envelope, signer)).toMatchObject({ ok: true });
  const tampered = { ...envelope, payload: { ...envelope.payload, sequence: 2 } };
  expect(await check(tampered, signer)).toMatchObject({ ok: false });
  const stranger = await openReleaseSigner(join(keys, "other"));
  expect(await check(envelope, stranger)).toMatchObject({ ok: false });
});

test("a damaged key is named and stays as it is: devices trust that very key", async () => {
  await openReleaseSigner(keys);
  const path = join(keys, "release-1.pem");
  await writeFile(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n");
  await expect(openReleaseSigner(keys)).rejects.toThrow(path);
  expect(await readFile(path, "utf8")).toContain("AAAA");
});
