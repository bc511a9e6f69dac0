import { expect, test } from "vitest";
import { type Findings, judge, neededBytes } from "./probe.js";

const whole: Findings = {
  secureContext: true,
  webLocks: true,
  strictWrite: true,
  clonedKey: true,
  ed25519: true,
  freeBytes: 1e9,
  persisted: true,
  simd: "relaxed",
};

test("a browser that has everything lacks nothing", () => {
  expect(judge(whole)).toEqual({ lacks: [], warnings: [] });
  expect(judge({ ...whole, freeBytes: neededBytes })).toEqual({ lacks: [], warnings: [] });
});

test.each([
  [{ webLocks: false }, "Web Locks, which keep two tabs apart"],
  [{ strictWrite: false }, "durable writes to IndexedDB"],
  [{ clonedKey: false }, "keys in IndexedDB that cannot be extracted"],
  [{ ed25519: false }, "Ed25519 in WebCrypto"],
  [{ freeBytes: neededBytes - 1 }, "room: 39 MB of 40 MB"],
  [{ freeBytes: 0 }, "room: 0 MB of 40 MB"],
] as const)("%j is named as missing, alone", (changed, lack) => {
  expect(judge({ ...whole, ...changed })).toEqual({ lacks: [lack], warnings: [] });
});

test.each([
  [{ persisted: false }, "storage that the browser keeps when it needs room"],
  [{ freeBytes: undefined }, "a statement of the room that is left"],
  [{ simd: "plain" }, "relaxed SIMD in WebAssembly"],
  [{ simd: "none" }, "SIMD in WebAssembly"],
] as const)("%j is a warning", (changed, warning) => {
  expect(judge({ ...whole, ...changed })).toEqual({ lacks: [], warnings: [warning] });
});

test("all that is missing is named at once, and outside of a secure context the context alone", () => {
  const none = { webLocks: false, strictWrite: false, clonedKey: false, ed25519: false, freeBytes: 0 };
  expect(judge({ ...whole, ...none }).lacks).toHaveLength(5);
  expect(judge({ ...whole, ...none, secureContext: false })).toEqual({
    lacks: ["a secure context: HTTPS, or this machine's own address"],
    warnings: [],
  });
});
