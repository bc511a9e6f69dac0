import { createUser } from "@nats-io/nkeys";
import { expect, test } from "vitest";
import { nkeyOf } from "./nkey-text.js";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The 32 bytes of the key in an nkey's text. */
function keyIn(text: string): Uint8Array {
  const bits = [...text].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g)!.slice(1, 33), (byte) => Number.parseInt(byte, 2));
}

test("a key's text, with its checksum, is the one that NATS's own package writes", () => {
  const texts = Array.from({ length: 50 }, () => createUser().getPublicKey());
  expect(texts.map((text) => nkeyOf(keyIn(text)))).toEqual(texts);
});
