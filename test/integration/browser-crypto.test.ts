// The fakes' cryptography for browsers equals Node's, so that one fleet, one store and one device mean
// the same in both.

import * as ofNode from "@attune/fakes/node-crypto";
import { fromBase64 } from "@attune/shared/encoding";
import { expect, test } from "vitest";
import * as ofNoble from "../browser/noble-crypto.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const inputs = ["", "abc", "so happy today".repeat(100)].map(bytes);
const both = [ofNode, ofNoble];

test("the two offer the same functions", () => {
  expect(Object.keys(ofNoble).sort()).toEqual(Object.keys(ofNode).sort());
});

test("hashes, keyed hashes, seeded bytes and a device's signatures are the same", async () => {
  const [node, noble] = [ofNode.createTestHashing("seed"), ofNoble.createTestHashing("seed")];
  for (const input of inputs) {
    const source = { sizeBytes: input.length, read: (_: number, into: Uint8Array) => into.set(input) };
    expect(ofNoble.sha256Hex(input)).toBe(ofNode.sha256Hex(input));
    expect(await noble.sha256(input)).toBe(await node.sha256(input));
    expect(await noble.sha256Of(source)).toBe(await node.sha256Of(source));
    expect(await ofNoble.createTestDeviceKey().sign(input)).toEqual(await ofNode.createTestDeviceKey().sign(input));
  }
  expect(await noble.keyedHash("split/a")).toBe(await node.keyedHash("split/a"));
  for (const length of [0, 12, 32, 33, 100]) expect(noble.randomBytes(length)).toEqual(node.randomBytes(length));
  expect(await ofNoble.createTestDeviceKey().create()).toBe(await ofNode.createTestDeviceKey().create());
});

test("each opens what the other sealed, and refuses what was changed or sealed for another context", async () => {
  for (const [sealing, opening] of [both, [...both].reverse()]) {
    const [cipher, other] = [sealing!.createTestCipher(), opening!.createTestCipher()];
    for (const input of inputs) {
      const sealed = await cipher.seal(input, "utterance/a");
      expect(await other.open(sealed, "utterance/a")).toEqual(input);
      await expect(other.open(sealed, "utterance/b")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
      sealed[sealed.length - 1]! ^= 1;
      await expect(other.open(sealed, "utterance/a")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    }
  }
});

test("each verifies what the other signed, and nothing else", async () => {
  for (const [signing, verifying] of [both, [...both].reverse()]) {
    const key = signing!.createSigningKey();
    const publicKey = fromBase64(key.publicKey);
    expect(key.keyId).toBe(verifying!.sha256Hex(publicKey).slice(0, 16));
    for (const message of inputs) {
      const signature = fromBase64(key.sign(message));
      expect(await verifying!.verifyEd25519({ publicKey, message, signature })).toBe(true);
      signature[0]! ^= 1;
      expect(await verifying!.verifyEd25519({ publicKey, message, signature })).toBe(false);
    }
  }
});
