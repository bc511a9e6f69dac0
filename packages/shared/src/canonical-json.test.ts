import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalBytes, canonicalJson } from "./canonical-json.js";

const texts = fc.string({ unit: "binary" });
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    texts,
    fc.array(tie("value")),
    fc.dictionary(texts, tie("value"), { noNullPrototype: true }),
  ),
})).value;

/** The same value with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([key, member]) => [key, reordered(member)]));
}

/** The same value with `replacement` at its first leaf. */
function spoiled(value: unknown, replacement: unknown): unknown {
  if (Array.isArray(value))
    return value.length > 0 ? [spoiled(value[0], replacement), ...value.slice(1)] : [replacement];
  return typeof value === "object" && value !== null ? { ...value, a: replacement } : replacement;
}

describe("canonical JSON of any value", () => {
  const always = (claim: (value: unknown) => void) => fc.assert(fc.property(values, (value) => void claim(value)));

  test("is read back as the value", () => {
    always((value) => expect(JSON.parse(canonicalJson(value))).toEqual(value));
  });

  test("is the same bytes for equal values, in whatever order their keys are", () => {
    always((value) => expect(canonicalBytes(reordered(value))).toEqual(canonicalBytes(value)));
  });

  test("is the same text again when it was read and is written once more", () => {
    always((value) => expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value)));
  });

  test("leaves out a key whose value is undefined, and refuses undefined in an array", () => {
    always((value) => expect(canonicalJson({ a: value, b: undefined })).toBe(canonicalJson({ a: value })));
    always((value) => expect(() => canonicalJson([value, undefined])).toThrow(TypeError));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -0, "\ud800", 1n, Symbol("s"), () => 0])(
    "refuses %s wherever it is",
    (wrong) => always((value) => expect(() => canonicalJson(spoiled(value, wrong))).toThrow(TypeError)),
  );
});

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
