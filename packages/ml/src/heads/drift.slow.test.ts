// Compares a head that learns for years with the batch solution over the rows it still holds: a million updates, and
// as many rows forgotten.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type LabelledRows, labelledRows, part } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createWasmEngine } from "../engine/wasm-engine.js";
import { serializeSafetensors } from "../tensor/safetensors.js";
import { fitElm } from "./elm.js";
import type { HeadKernels } from "./head-kernels.js";
import { createOselm } from "./oselm.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const recipe = { hidden: 32, activation: "sigmoid", l2: 0.1, seed: 3 } as const;
/**
 * The number of rows held, and the rows of each change: few enough that each change is a rank-1 change of the factor.
 */
const [held, step] = [500, 2];
/** The pool is long enough that no window repeats the window before it. */
const pool = labelledRows({ rows: 40_000, inputSize: 6, classes: 4, seed: 8 });

/** Rows from `start` on; at its end the pool starts over. */
function rowsFrom(start: number, count: number): LabelledRows {
  const from = start % pool.labels.length;
  return part(pool, from, from + count);
}

const kernels: [string, number, HeadKernels][] = [
  ["the WebAssembly kernels", 1_000_000, wasmKernels()],
  ["TypeScript", 100_000, referenceHeadKernels],
];

function wasmKernels(): HeadKernels {
  const simd128 = readFileSync(new URL("../../kernels/wasm/attune-simd128.wasm", import.meta.url));
  return createWasmEngine({ simd128 }).heads;
}

describe.each(kernels)("An OSELM head in %s, after %i updates", (_, updates, own) => {
  test("is what the batch gives over the rows it holds, within 1e-9, and its file to the last bit", () => {
    const head = createOselm({ identity, inputSize: 6, recipe, kernels: own });
    for (let learned = 0; learned < updates; learned += step) {
      const next = rowsFrom(learned, step);
      head.update(next.features, next.labels);
      if (learned >= held) {
        const oldest = rowsFrom(learned - held, step);
        head.forget(oldest.features, oldest.labels);
      }
      // An agent predicts between changes, so the test asks for the solution, too. Every change then is a rank-1
      // change of the solution.
      void head.outputWeights;
    }
    const window = rowsFrom(updates - held, held);
    const batch = fitElm({ ...window, identity, recipe });
    expect(head.count).toBe(held);
    expect(largestDifference(head.outputWeights, batch.outputWeights)).toBeLessThan(1e-9);

    const fresh = createOselm({ identity, inputSize: 6, recipe });
    fresh.update(window.features, window.labels);
    expect(serializeSafetensors(head.save())).toEqual(serializeSafetensors(fresh.save()));
  });
});
