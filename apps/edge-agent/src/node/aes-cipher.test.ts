import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createAesCipher } from "./aes-cipher.js";

const key = randomBytes(32);
const plain = new TextEncoder().encode("what was said");
const corrupt = expect.objectContaining({ code: "STORE_CORRUPT" });

test("what was sealed opens again, also when it is empty", async () => {
  const cipher = createAesCipher(key);
  expect([...(await cipher.open(await cipher.seal(plain, "u/1"), "u/1"))]).toEqual([...plain]);
  expect(await cipher.open(await cipher.seal(new Uint8Array(0), "u/1"), "u/1")).toHaveLength(0);
});

test("no two seals share a nonce, so equal texts look different", async () => {
  const cipher = createAesCipher(key);
  const sealed = await Promise.all(Array.from({ length: 500 }, () => cipher.seal(plain, "u/1")));
  const nonces = new Set(sealed.map((bytes) => Buffer.from(bytes.subarray(1, 13)).toString("hex")));
  expect(nonces.size).toBe(500);
});

test("one flipped bit anywhere is noticed", async () => {
  const cipher = createAesCipher(key);
  const sealed = await cipher.seal(plain, "u/1");
  for (let i = 0; i < sealed.length; i++) {
    const tampered = Uint8Array.from(sealed);
    tampered[i] = (tampered[i] as number) ^ 1;
    await expect(cipher.open(tampered, "u/1")).rejects.toEqual(corrupt);
  }
  for (const length of [0, 1, 28]) {
    await expect(cipher.open(sealed.subarray(0, length), "u/1")).rejects.toEqual(corrupt);
  }
});

test("a value sealed for one place does not open in another, nor with another key", async () => {
  const sealed = await createAesCipher(key).seal(plain, "u/1");
  await expect(createAesCipher(key).open(sealed, "u/2")).rejects.toEqual(corrupt);
  await expect(createAesCipher(randomBytes(32)).open(sealed, "u/1")).rejects.toEqual(corrupt);
});

test("a key of the wrong length is refused", () => {
  expect(() => createAesCipher(randomBytes(16))).toThrow(/16 bytes instead of 32/);
});
