import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { labelledRows, part } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createWasmEngine } from "../engine/wasm-engine.js";
import { createMatrix, selectRows } from "../tensor/matrix.js";
import { createClassSums } from "./class-sums.js";
import { fitElm } from "./elm.js";
import { activate, createHiddenLayer } from "./hidden-layer.js";

const recipe = { hidden: 30, activation: "sigmoid", l2: 0.1, seed: 3 } as const;
const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const rows = labelledRows({ rows: 400, inputSize: 6, classes: 4, seed: 1 });
const layer = createHiddenLayer(recipe, 6);
const weightings = ["none", "balanced"] as const;

function learned(examples: typeof rows) {
  const sums = createClassSums({ layer, classes: 4 });
  sums.update(examples.features, examples.labels);
  return sums;
}

/** Rows of which few belong to the last class. */
function skewed(): typeof rows {
  const kept = Array.from(rows.labels.keys()).filter((i) => rows.labels[i] !== 3 || i % 10 === 0);
  return { features: selectRows(rows.features, kept), labels: Int32Array.from(kept, (i) => rows.labels[i]!) };
}

describe("ELM's sums by class", () => {
  test("without weighting solve to what ELM does", () => {
    const { outputWeights } = fitElm({ ...rows, identity, recipe });
    const weights = learned(rows).solve({ l2: 0.1, classWeights: "none" });
    expect(largestDifference(weights, outputWeights)).toBeLessThan(1e-9);
  });

  test("balanced satisfy the weighted normal equations", () => {
    const examples = skewed();
    const { labels } = examples;
    const weights = learned(examples).solve({ l2: 0.1, classWeights: "balanced" });
    const h = activate(layer, examples.features);
    const countOf = (label: number) => labels.filter((other) => other === label).length;
    const importance = Float64Array.from(labels, (label) => labels.length / (4 * countOf(label)));
    let largest = 0;
    for (let c = 0; c < 4; c++) {
      for (let j = 0; j < 30; j++) {
        let sum = 0.1 * weights[c * 30 + j]!;
        for (let i = 0; i < labels.length; i++) {
          const score = h.subarray(i * 30, i * 30 + 30).reduce((total, x, k) => total + x * weights[c * 30 + k]!, 0);
          sum += importance[i]! * (score - (labels[i] === c ? 1 : 0)) * h[i * 30 + j]!;
        }
        largest = Math.max(largest, Math.abs(sum));
      }
    }
    expect(largest).toBeLessThan(1e-9);
  });

  test("balanced see a class as often as any other, however rare it is", () => {
    const examples = skewed();
    const share = (classWeights: "balanced" | "none") => {
      const weights = learned(examples).solve({ l2: 0.1, classWeights });
      const h = activate(layer, rows.features);
      let rare = 0;
      for (let i = 0; i < 400; i++) {
        const scores = [0, 1, 2, 3].map((c) =>
          h.subarray(i * 30, i * 30 + 30).reduce((sum, x, k) => sum + x * weights[c * 30 + k]!, 0),
        );
        if (scores.indexOf(Math.max(...scores)) === 3) rare++;
      }
      return rare / 400;
    };
    expect(share("balanced")).toBeGreaterThan(1.5 * share("none"));
  });

  test.each(weightings)("are the same whatever the sizes of the batches (%s)", (classWeights) => {
    const sums = createClassSums({ layer, classes: 4 });
    for (let i = 0; i < 400; i += 7) {
      const { features, labels } = part(rows, i, Math.min(i + 7, 400));
      sums.update(features, labels);
    }
    expect(sums.solve({ l2: 0.1, classWeights })).toEqual(learned(rows).solve({ l2: 0.1, classWeights }));
  });

  test.each(weightings)("of forgotten rows leave no trace, to the last bit (%s)", (classWeights) => {
    const sums = learned(rows);
    const gone = part(rows, 250, 400);
    sums.forget(gone.features, gone.labels);
    expect(sums.solve({ l2: 0.1, classWeights })).toEqual(learned(part(rows, 0, 250)).solve({ l2: 0.1, classWeights }));
  });

  test.each(weightings)("solve with one class only, and with fewer rows than hidden units (%s)", (classWeights) => {
    const one = learned({ features: rows.features, labels: new Int32Array(400).fill(2) });
    expect(one.solve({ l2: 0.1, classWeights }).every(Number.isFinite)).toBe(true);
    const few = learned(part(rows, 0, 5));
    expect(few.solve({ l2: 0.1, classWeights }).every(Number.isFinite)).toBe(true);
    expect(() => few.solve({ l2: 0, classWeights })).toThrow("singular");
  });

  test("come from the kernels as from TypeScript, to the last bit", () => {
    const many = labelledRows({ rows: 3000, inputSize: 6, classes: 4, seed: 9 });
    const simd128 = readFileSync(new URL("../../kernels/wasm/attune-simd128.wasm", import.meta.url));
    const kernels = createWasmEngine({ simd128 }).heads;
    const fast = createClassSums({ layer, classes: 4, kernels });
    fast.update(many.features, many.labels);
    const solved = { l2: 0.1, classWeights: "balanced" } as const;
    expect(fast.solve(solved)).toEqual(learned(many).solve(solved));
  });

  test("refuse bad rows, and then have learned nothing", () => {
    const sums = learned(part(rows, 0, 10));
    const before = sums.solve({ l2: 0.1, classWeights: "none" });
    const spoilt = createMatrix(1, 6, new Float32Array(6).fill(Number.NaN));
    expect(() => sums.update(spoilt, Int32Array.of(0))).toThrow("feature 0 is NaN");
    expect(() => sums.update(createMatrix(1, 6), Int32Array.of(4))).toThrow("label 4");
    expect(() => sums.forget(rows.features, rows.labels)).toThrow("More rows of class");
    expect(sums.solve({ l2: 0.1, classWeights: "none" })).toEqual(before);
    expect(() => createClassSums({ layer, classes: 4 }).solve({ l2: 1, classWeights: "none" })).toThrow("no rows");
  });
});
