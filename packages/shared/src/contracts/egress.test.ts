import { expect, test } from "vitest";
import {
  egressContract,
  fieldCapacityBits,
  fieldsOf,
  type MessageType,
  messageCapacityBits,
  messageSchema,
  quantize,
} from "./egress.js";
import { safeParseReport } from "./report.js";

const metrics = {
  type: "report.metrics",
  contract: 1,
  device: "0123456789abcdef0123456789abcdef",
  epoch: "0123456789abcdef",
  sequence: 7,
  releaseSequence: 3,
  engine: "wasm",
  headKind: "linear",
  utterances: 100,
  holdout: 25,
  f1Prior: 51,
  f1Personal: null,
  predictP50: 250,
  predictP90: 500,
  trainTime: 30,
} as const;
const types = Object.keys(egressContract) as MessageType[];

test("a report inside every domain passes, alone and through the union of reports", () => {
  expect(messageSchema("report.metrics").parse(metrics)).toEqual(metrics);
  expect(safeParseReport(metrics)).toEqual({ success: true, data: metrics });
});

test.each([
  ["NaN", { f1Prior: Number.NaN }],
  ["an infinity", { f1Prior: Number.POSITIVE_INFINITY }],
  ["an F1 above one hundred", { f1Prior: 101 }],
  ["a negative latency", { predictP50: -1 }],
  ["a count that is no bucket's edge", { utterances: 37 }],
  ["a fraction where the grid is whole", { f1Personal: 51.5 }],
  ["a null that the field does not allow", { holdout: null }],
  ["text where a closed word belongs", { headKind: "she said yes" }],
  ["another device's form of name", { device: "my-device" }],
  ["a sequence of zero", { sequence: 0 }],
  ["a sequence that no database integer holds", { sequence: 2 ** 31 }],
  ["an unknown field", { note: "hello" }],
  ["another contract's version", { contract: 2 }],
  ["a missing field", { engine: undefined }],
])("refuses %s", (_, change) => {
  expect(messageSchema("report.metrics").safeParse({ ...metrics, ...change }).success).toBe(false);
  expect(safeParseReport({ ...metrics, ...change }).success).toBe(false);
});

test("a report may not be of a type that is no report", () => {
  expect(safeParseReport({ ...metrics, type: "enrol" }).success).toBe(false);
  expect(safeParseReport(null).success).toBe(false);
});

test("every field of every message has a finite domain, and says what it means", () => {
  for (const type of types) {
    for (const [name, field] of fieldsOf(type)) {
      expect(fieldCapacityBits(field), `${type}.${name}`).toBeLessThan(17);
      expect(field.meaning.length, `${type}.${name}`).toBeGreaterThan(10);
    }
  }
});

test("an identity is of fixed length and has no room for free text", () => {
  for (const type of types) {
    for (const [name, { domain }] of fieldsOf(type)) {
      if (domain.kind !== "identity") continue;
      expect(domain.pattern.source, `${type}.${name}`).toMatch(/^\^.*\{\d+\}\$$/);
      expect(domain.pattern.test("a sentence somebody said"), `${type}.${name}`).toBe(false);
    }
  }
});

test("the capacity of a message is the sum of its fields' and counts the suppressed value", () => {
  expect(fieldCapacityBits(egressContract["report.metrics"].fields.f1Prior)).toBeCloseTo(Math.log2(102), 12);
  expect(messageCapacityBits("report.metrics")).toBeCloseTo(
    fieldsOf("report.metrics").reduce((sum, [, field]) => sum + fieldCapacityBits(field), 0),
    12,
  );
  expect(messageCapacityBits("report.metrics")).toBeLessThan(64);
});

test("quantizing keeps to the domain for every finite number and refuses the others", () => {
  for (const type of types) {
    for (const [name, { domain }] of fieldsOf(type)) {
      if (domain.kind !== "bucket" && domain.kind !== "quantized") continue;
      for (const value of [-1e9, -1, 0, 0.4, 19.99, 64.5, 1e5, 1e300]) {
        const wire = quantize(domain, value) as number;
        if (domain.kind === "bucket") expect(domain.edges, `${type}.${name}`).toContain(wire);
        else expect((wire - domain.minimum) % domain.step, `${type}.${name}`).toBe(0);
      }
      expect(quantize(domain, Number.NaN)).toBeNull();
      expect(quantize(domain, Number.POSITIVE_INFINITY)).toBeNull();
    }
  }
  expect(quantize({ kind: "bucket", edges: [0, 10, 25] }, 24.9)).toBe(10);
  expect(quantize({ kind: "quantized", minimum: 0, maximum: 100, step: 1 }, 56.5)).toBe(57);
});
