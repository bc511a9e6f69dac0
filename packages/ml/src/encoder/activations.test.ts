import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { activate, erf } from "./activations.js";
import { hiddenActs } from "./config.js";

const golden: Record<"x" | "erf" | (typeof hiddenActs)[number], number[]> = JSON.parse(
  readFileSync(new URL("../../../../test/golden/activations.json", import.meta.url), "utf8"),
);

test("computes erf to 1e-15 of the C library's, on and between its four intervals", () => {
  for (const [i, x] of golden.x.entries()) {
    expect(Math.abs(erf(x) - golden.erf[i]!)).toBeLessThan(1e-15);
  }
});

test("computes erf at the ends: zeros keep their sign, infinities reach one, NaN stays NaN", () => {
  expect(erf(0)).toBe(0);
  expect(erf(-0)).toBe(-0);
  expect([erf(Number.POSITIVE_INFINITY), erf(Number.NEGATIVE_INFINITY)]).toEqual([1, -1]);
  expect(erf(Number.NaN)).toBeNaN();
});

test.each(hiddenActs)("computes %s as PyTorch does", (hiddenAct) => {
  const values = Float32Array.from(golden.x);
  activate(values, hiddenAct);
  for (const [i, expected] of golden[hiddenAct].entries()) {
    expect(Math.abs(values[i]! - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
  }
});
