import { createAccount, createUser, fromPublic } from "@nats-io/nkeys";
import { expect, test } from "vitest";
import { verifyNkey, withNativeSigning } from "./nkey-signatures.js";

const message = new TextEncoder().encode("a poll");
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

test("a signature is judged as the nkeys package judges it, whoever the key and the message are", () => {
  for (let i = 0; i < 20; i++) {
    const pair = i % 2 === 0 ? createUser() : createAccount();
    const nkey = pair.getPublicKey();
    const signature = base64(pair.sign(message));
    expect(verifyNkey(nkey, message, signature)).toBe(true);
    expect(verifyNkey(nkey, new TextEncoder().encode("a pole"), signature)).toBe(false);
    expect(verifyNkey(createUser().getPublicKey(), message, signature)).toBe(false);
    for (let byte = 0; byte < 64; byte += 9) {
      const forged = pair.sign(message);
      forged[byte] = (forged[byte] ?? 0) ^ 1;
      expect(verifyNkey(nkey, message, base64(forged))).toBe(false);
    }
  }
});

test.each([
  ["no key", ""],
  ["a checksum that is wrong", `U${"A".repeat(55)}`],
  ["letters that are none", `U${"1".repeat(55)}`],
  ["a key that is too short", createUser().getPublicKey().slice(0, 40)],
])("%s verifies nothing", (_what, nkey) => {
  expect(verifyNkey(nkey, message, base64(createUser().sign(message)))).toBe(false);
});

test.each(["", "AAAA", "A".repeat(86), base64(new Uint8Array(64))])("the signature %j is of nobody", (signature) => {
  expect(verifyNkey(createUser().getPublicKey(), message, signature)).toBe(false);
});

test("a pair that signs by Node's crypto signs the same bytes and is the same pair otherwise", () => {
  const pair = createAccount();
  const native = withNativeSigning(pair);
  expect(base64(native.sign(message))).toBe(base64(pair.sign(message)));
  expect(native.getPublicKey()).toBe(pair.getPublicKey());
  expect(native.getSeed()).toEqual(pair.getSeed());
  expect(fromPublic(native.getPublicKey()).verify(message, native.sign(message))).toBe(true);
});
