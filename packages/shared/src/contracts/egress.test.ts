import { expect, test } from "vitest";
import { createContracts, egressContracts } from "./egress.js";
import {
  capacityBits,
  domainSize,
  domainSizes,
  type EgressContracts,
  type MessageDeclaration,
  quantize,
} from "./egress-declaration.js";
import { judgeReport } from "./report.js";

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
const contracts = createContracts();
/** Every message of every version. */
const declared: [name: string, MessageDeclaration][] = contracts.versions.flatMap((version) =>
  Object.entries((egressContracts as EgressContracts)[version]!.messages).map(
    ([type, declaration]): [string, MessageDeclaration] => [`${version} ${type}`, declaration],
  ),
);
const fieldsOf = ({ fields }: MessageDeclaration) => Object.entries(fields);

test("a report inside every domain passes, alone and through the union of reports", () => {
  expect(contracts.judge("report.metrics", metrics)).toEqual({ ok: true, value: metrics });
  expect(judgeReport(contracts, metrics)).toEqual({ ok: true, value: metrics });
});

test.each([
  ["NaN", { f1Prior: Number.NaN }],
  ["a negative zero on a grid", { f1Prior: -0 }],
  ["a negative zero among edges", { utterances: -0 }],
  ["a negative zero of a release", { releaseSequence: -0 }],
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
  ["a missing field", { engine: undefined }],
])("refuses %s", (_, change) => {
  expect(contracts.judge("report.metrics", { ...metrics, ...change })).toMatchObject({ reason: "notInContract" });
  expect(judgeReport(contracts, { ...metrics, ...change })).toMatchObject({ reason: "notInContract" });
});

test("a report may not be of a type that is no report", () => {
  for (const type of ["enrol", "toString", "report.statistics"]) {
    expect(judgeReport(contracts, { ...metrics, type })).toMatchObject({ reason: "unknownType" });
  }
  expect(judgeReport(contracts, null)).toMatchObject({ reason: "notInContract" });
});

test.each([3, 99])("a report of version %d, which is not known here, is refused for that", (contract) => {
  expect(judgeReport(contracts, { ...metrics, contract })).toMatchObject({ reason: "unknownContract" });
  expect(contracts.judge("report.metrics", { ...metrics, contract })).toMatchObject({ reason: "unknownContract" });
});

test.each([undefined, null, "1", 1.5, 0, Number.NaN])("a report whose version is %j is none", (contract) => {
  expect(judgeReport(contracts, { ...metrics, contract })).toMatchObject({ reason: "notInContract" });
  expect(contracts.judge("report.metrics", { ...metrics, contract })).toMatchObject({ reason: "notInContract" });
});

test("every field of every message has a finite domain, and says what it means", () => {
  for (const [type, declaration] of declared) {
    for (const [name, field] of fieldsOf(declaration)) {
      expect(domainSize(field), `${type}.${name}`).toBeLessThan(2 ** 17);
      expect(field.meaning.length, `${type}.${name}`).toBeGreaterThan(10);
    }
  }
});

test("an identity is of fixed length and has no room for free text", () => {
  for (const [type, declaration] of declared) {
    for (const [name, { domain }] of fieldsOf(declaration)) {
      if (domain.kind !== "identity") continue;
      expect(domain.pattern.source, `${type}.${name}`).toMatch(/^\^.*\{\d+\}\$$/);
      expect(domain.pattern.test("a sentence somebody said"), `${type}.${name}`).toBe(false);
    }
  }
});

test("the capacity of a message is that of its fields together and counts the suppressed value", () => {
  const declaration = contracts.declaration(1, "report.metrics")!;
  expect(domainSize(declaration.fields.f1Prior!)).toBe(102);
  expect(domainSizes(declaration)).toEqual([65_536, 3, 3, 11, 11, 102, 102, 14, 14, 13]);
  expect(capacityBits(domainSizes(declaration))).toBeCloseTo(50.7488, 4);
  expect(capacityBits([])).toBe(0);
});

test("quantizing keeps to the domain for every finite number and refuses the others", () => {
  for (const [type, declaration] of declared) {
    for (const [name, { domain }] of fieldsOf(declaration)) {
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
