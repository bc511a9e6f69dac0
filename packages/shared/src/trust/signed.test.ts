import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { expect, test } from "vitest";
import { canonicalBytes } from "../canonical-json.js";
import { type SignedEnvelope, type VerifyEd25519, verifyEnvelope } from "./signed.js";

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
const trusted = { threshold: 2, keys: [first.trusted, second.trusted] };
const check = (envelope: SignedEnvelope) => verifyEnvelope(envelope, trusted, verifyEd25519);

test("accepts a payload that enough distinct trusted keys have signed", async () => {
  const result = await check({ payload, signatures: [first.sign(payload), second.sign(payload)] });
  expect(result).toEqual({ ok: true, value: payload });
});

test("counts a key that signs twice once", async () => {
  const result = await check({ payload, signatures: [first.sign(payload), first.sign(payload)] });
  expect(result).toMatchObject({ ok: false, reason: "manifestSignature" });
});

test("counts one key listed under two ids once", async () => {
  const alias = { ...first.trusted, keyId: "0123456789abcdef" };
  const envelope = { payload, signatures: [first.sign(payload), { ...first.sign(payload), keyId: alias.keyId }] };
  const result = await verifyEnvelope(envelope, { threshold: 2, keys: [first.trusted, alias] }, verifyEd25519);
  expect(result.ok).toBe(false);
});

test("counts signatures of unknown keys for nothing", async () => {
  const result = await check({ payload, signatures: [first.sign(payload), stranger.sign(payload)] });
  expect(result.ok).toBe(false);
});

test("refuses a payload changed after signing", async () => {
  const signatures = [first.sign(payload), second.sign(payload)];
  expect((await check({ payload: { ...payload, sequence: 5 }, signatures })).ok).toBe(false);
});

test("does not let one spoiled signature of a trusted key void the good ones", async () => {
  const spoiled = { ...first.sign(payload), signature: second.sign({ other: true }).signature };
  const result = await check({ payload, signatures: [spoiled, first.sign(payload), second.sign(payload)] });
  expect(result.ok).toBe(true);
});
