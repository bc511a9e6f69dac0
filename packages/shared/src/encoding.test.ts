import { expect, test } from "vitest";
import { fromBase64, toBase64, toHex } from "./encoding.js";

test("base64 and hexadecimal agree with Node's for every length from 0 to 64", () => {
  for (let length = 0; length <= 64; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 97 + length * 31) & 255);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
    expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  }
});

test.each(["A", "AB=", "A===", "AAA-", "AA A"])("refuses %j as base64", (text) => {
  expect(() => fromBase64(text)).toThrow(TypeError);
});
