import { deflateSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createTextScanner } from "./text-scan.js";

const utterance = "The harbour lights were out again when I walked home";
const scanner = createTextScanner([utterance], ["zanzifel"]);
const noise = Buffer.from(
  'POST /trpc/device.poll {"device":"0123456789abcdef"} PUB attune.v1.home PING\r\n'.repeat(40),
);
const hide = (bytes: Buffer | string) => Buffer.concat([noise, Buffer.from(bytes), noise]);

test("finds nothing in traffic that holds no utterance", () => {
  expect(scanner.textBytes(noise)).toBe(0);
});

test.each([
  ["whole", utterance],
  ["as a run of four words", "lights were out again"],
  ["in lower case", "the harbour lights were"],
  ["percent-encoded", encodeURIComponent("when I walked home")],
  ["in hexadecimal", Buffer.from(utterance).toString("hex")],
  ["in upper-case hexadecimal", Buffer.from(utterance).toString("hex").toUpperCase()],
  ["in base64", Buffer.from(utterance).toString("base64")],
  ["in base64 after one byte", Buffer.from(`x${utterance}`).toString("base64")],
  ["in base64 after two bytes", Buffer.from(`xy${utterance}`).toString("base64")],
  ["in base64url", Buffer.from(`{"t":"${utterance}"}`).toString("base64url")],
  ["gzipped", gzipSync(Buffer.from(JSON.stringify({ text: utterance })))],
  ["deflated", deflateSync(Buffer.from(utterance))],
  ["gzipped twice", gzipSync(gzipSync(Buffer.from(utterance)))],
  ["as a canary", "zanzifel"],
  ["as a canary in base64", Buffer.from("..zanzifel..").toString("base64")],
])("finds an utterance hidden %s", (_, hidden) => {
  expect(scanner.textBytes(hide(hidden))).toBeGreaterThan(0);
});

test("does not take three words for a run of four", () => {
  expect(scanner.textBytes(hide("the harbour lights"))).toBe(0);
});

test("counts the bytes of the longest needle once where needles overlap", () => {
  expect(scanner.textBytes(hide(utterance))).toBe(Buffer.byteLength(utterance));
});
