import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canonicalBytes } from "../canonical-json.js";
import type { VerifyEd25519 } from "./keys.js";
import { pinnedRoot, type RoleName, type Root, rootSchema } from "./root.js";
import { verifySigned } from "./signed.js";

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) =>
  verify(
    null,
    message,
    createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" }),
    signature,
  );

function createKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
  const keyId = createHash("sha256").update(raw).digest("hex").slice(0, 16);
  return {
    trusted: { keyId, publicKey: raw.toString("base64") },
    sign: (payload: unknown) => ({
      keyId,
      signature: sign(null, canonicalBytes(payload), privateKey).toString("base64"),
    }),
  };
}

const [first, second, stranger] = [createKey(), createKey(), createKey()];
const payload = { kind: "release", sequence: 4 };
const root = pinnedRoot({ threshold: 2, keys: [first.trusted, second.trusted] });
const check = (signed: unknown, by: { root?: Root; role?: RoleName } = {}) =>
  verifySigned(signed, { root, role: "targets", ...by }, verifyEd25519);

describe("a signed payload", () => {
  test("is accepted when enough distinct keys of the role have signed it", async () => {
    const result = await check({ payload, signatures: [first.sign(payload), second.sign(payload)] });
    expect(result).toEqual({ ok: true, value: payload });
  });

  test("is refused with too few signatures", async () => {
    expect(await check({ payload, signatures: [first.sign(payload)] })).toMatchObject({
      reason: "signature",
      detail: "has 1 of the 2 signatures that it needs",
    });
  });

  test("is refused when a key signs twice in place of two", async () => {
    const result = await check({ payload, signatures: [first.sign(payload), first.sign(payload)] });
    expect(result).toMatchObject({ reason: "signature" });
  });

  test("is refused when one key signs under two ids", async () => {
    const alias = { ...first.trusted, keyId: "0123456789abcdef" };
    const signed = { payload, signatures: [first.sign(payload), { ...first.sign(payload), keyId: alias.keyId }] };
    const aliased = pinnedRoot({ threshold: 2, keys: [first.trusted, alias] });
    expect(await check(signed, { root: aliased })).toMatchObject({ reason: "signature" });
  });

  test("is refused when a wrong key signs, also under the id of a trusted key", async () => {
    const signatures = [first.sign(payload), stranger.sign(payload)];
    expect(await check({ payload, signatures })).toMatchObject({ reason: "signature" });
    const disguised = [first.sign(payload), { ...stranger.sign(payload), keyId: second.trusted.keyId }];
    expect(await check({ payload, signatures: disguised })).toMatchObject({ reason: "signature" });
  });

  test("is refused when it was changed after signing", async () => {
    const signatures = [first.sign(payload), second.sign(payload)];
    expect(await check({ payload: { ...payload, sequence: 5 }, signatures })).toMatchObject({ reason: "signature" });
  });

  test("keeps its good signatures when one of a trusted key is spoiled", async () => {
    const spoiled = { ...first.sign(payload), signature: second.sign({ other: true }).signature };
    const result = await check({ payload, signatures: [spoiled, first.sign(payload), second.sign(payload)] });
    expect(result.ok).toBe(true);
  });

  test("is refused in a role that no key has", async () => {
    const signed = { payload, signatures: [first.sign(payload), second.sign(payload)] };
    expect(await check(signed, { role: "root" })).toMatchObject({ reason: "unknownRole" });
  });

  test("is refused when its keys are known but have another role", async () => {
    const roles = { ...root.roles, timestamp: { keyIds: [second.trusted.keyId], threshold: 1 } };
    const apart = { ...root, roles };
    const signed = { payload, signatures: [first.sign(payload)] };
    expect(await check(signed, { root: apart, role: "timestamp" })).toMatchObject({ reason: "signature" });
    const rightly = { payload, signatures: [second.sign(payload)] };
    expect(await check(rightly, { root: apart, role: "timestamp" })).toMatchObject({ ok: true });
  });

  test.each([
    ["nothing", undefined],
    ["no signature", { payload, signatures: [] }],
    ["a field that nobody declared", { payload, signatures: [first.sign(payload)], note: "" }],
    ["a payload that canonical JSON cannot say", { payload: { a: -0 }, signatures: [first.sign(payload)] }],
  ])("is malformed with %s", async (_, signed) => {
    expect(await check(signed)).toMatchObject({ reason: "malformed" });
  });
});

describe("the root that an enrolment pins", () => {
  test("lets the release keys sign manifests and answers, and nothing else", () => {
    expect(Object.keys(rootSchema.parse(root).roles)).toEqual(["targets", "timestamp"]);
    expect(root).toMatchObject({ version: 0, roles: { targets: { threshold: 2 }, timestamp: { threshold: 2 } } });
  });

  test("takes more roles, each with keys and a threshold of its own, and no role that is not TUF's", () => {
    const roles = { ...root.roles, root: { keyIds: [stranger.trusted.keyId], threshold: 1 } };
    expect(rootSchema.safeParse({ ...root, version: 1, roles }).success).toBe(true);
    expect(rootSchema.safeParse({ ...root, roles: { mirrors: root.roles.targets } }).success).toBe(false);
  });
});
