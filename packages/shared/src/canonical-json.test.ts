import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.js";

test("sorts keys by UTF-16 code units at every depth and leaves out white space", () => {
  expect(canonicalJson({ b: [1, { z: null, a: true }], a: "x", "\u20ac": 1, "\r": 2, "1": 3 })).toBe(
    '{"\\r":2,"1":3,"a":"x","b":[1,{"a":true,"z":null}],"\u20ac":1}',
  );
});

test("writes numbers as ECMAScript does, which is what RFC 8785 asks for", () => {
  expect(canonicalJson([1e21, 0.1, 1e-7, 100, -1.5])).toBe("[1e+21,0.1,1e-7,100,-1.5]");
});

test("gives equal bytes for equal values whatever order their keys were written in", () => {
  expect(canonicalJson({ a: 1, b: { c: 2, d: 3 } })).toBe(canonicalJson({ b: { d: 3, c: 2 }, a: 1 }));
});

test("leaves out keys whose value is undefined", () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

test.each([
  ["NaN", { a: Number.NaN }],
  ["an infinity", [Number.POSITIVE_INFINITY]],
  ["negative zero", -0],
  ["a lone surrogate", "\ud800"],
  ["a lone surrogate in a key", { "\udc00": 1 }],
  ["a date", new Date(0)],
  ["a bigint", 1n],
  ["undefined", undefined],
])("refuses %s, naming where it is", (_, value) => {
  expect(() => canonicalJson(value)).toThrow(/canonical JSON: \$/);
});
