// Both forms of golden vectors hold the same features, and a damaged form is refused.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compactGolden, type Golden, plainGolden, readGolden } from "./golden.js";

const tolerance = 5e-3;
const goldenOf = (...vectors: number[][]): Golden => ({
  tolerance,
  vectors: vectors.map((features, i) => ({ ids: [2, i, 3], features })),
});
const read = (bytes: Uint8Array): Golden => {
  const golden = readGolden(bytes);
  if (!golden.ok) throw new Error(golden.detail);
  return golden.value;
};
const edit = (bytes: Uint8Array, change: (value: { vectors: { features: unknown }[]; step?: number }) => void) => {
  const value = JSON.parse(new TextDecoder().decode(bytes));
  change(value);
  return new TextEncoder().encode(JSON.stringify(value));
};

const features = fc.float({ min: -15, max: 15, noNaN: true });
const vectors = fc.array(fc.array(features, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 });

test("the compact form keeps every feature to a sixteenth of the tolerance, and the first form to a millionth", () => {
  fc.assert(
    fc.property(vectors, (all) => {
      const golden = goldenOf(...all);
      for (const [bytes, error] of [
        [compactGolden(golden)!, tolerance / 16] as const,
        [plainGolden(golden), 1e-6] as const,
      ]) {
        const { vectors } = read(bytes);
        expect(vectors.map(({ ids }) => ids)).toEqual(golden.vectors.map(({ ids }) => ids));
        for (const [i, { features }] of vectors.entries()) {
          expect(features).toHaveLength(all[i]!.length);
          for (const [k, value] of features.entries()) expect(Math.abs(value - all[i]![k]!)).toBeLessThanOrEqual(error);
        }
      }
    }),
  );
});

test("vectors read from the compact form are written as the same bytes", () => {
  fc.assert(
    fc.property(vectors, (all) => {
      const bytes = compactGolden(goldenOf(...all))!;
      expect(compactGolden(read(bytes))).toEqual(bytes);
    }),
  );
});

test("features too large for 16 bits at their tolerance have no compact form", () => {
  expect(compactGolden(goldenOf([0.5, -15.9]))).toBeDefined();
  expect(compactGolden(goldenOf([0.5, -16.1]))).toBeUndefined();
  expect(compactGolden(goldenOf([Number.NaN]))).toBeUndefined();
  expect(compactGolden(goldenOf([0, 0]))).toBeDefined();
});

describe("a damaged golden.json is refused by its field", () => {
  const compact = compactGolden(goldenOf([1, 2, 3], [4, 5, 6]))!;
  test.each([
    ["vectors.1.features", edit(compact, ({ vectors }) => Object.assign(vectors[1]!, { features: "AAAA" }))],
    ["vectors.0.features", edit(compact, ({ vectors }) => Object.assign(vectors[0]!, { features: "A*==" }))],
    ["vectors.0.features", edit(compact, ({ vectors }) => Object.assign(vectors[0]!, { features: [1, 2, 3] }))],
    ["step", edit(compact, (golden) => Object.assign(golden, { step: 0 }))],
    ["version", edit(compact, (golden) => Object.assign(golden, { version: 3 }))],
    ["the content is not JSON", new Uint8Array([0xff])],
  ])("%s", (words, bytes) => {
    expect(readGolden(bytes)).toMatchObject({ ok: false, reason: "malformed", detail: expect.stringContaining(words) });
  });
});
