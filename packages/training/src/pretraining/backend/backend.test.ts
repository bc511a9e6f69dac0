// Both repairs of the wasm backend give the results of TensorFlow.js's own plain backend.

import { createRandom } from "@attune/ml/tensor/random";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend, repairWasm } from "./backend.js";
import { openNativeMatMul } from "./native-matmul.js";
import type { Tf } from "./tensorflow.js";

let tf: Tf;
beforeAll(async () => {
  ({ tf } = await openBackend("tfjs-wasm"));
});
/** Every way of multiplying that this machine has; without a C compiler the second is the first. */
const ways = [
  ["wasm", undefined],
  ["native", openNativeMatMul()],
] as const;

function values(size: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: size }, () => random.normal());
}

async function onBoth(compute: () => Float32Array): Promise<{ wasm: Float32Array; cpu: Float32Array }> {
  await tf.setBackend("wasm");
  const wasm = compute();
  await tf.setBackend("cpu");
  const cpu = compute();
  await tf.setBackend("wasm");
  return { wasm, cpu };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe("openBackend", () => {
  test("falls back on wasm where the native binding is absent or without its binary, unless that is ruled out", async () => {
    const native = await openBackend("tfjs-node").catch(() => undefined);
    const { name } = await openBackend();
    const wasm = openNativeMatMul() === undefined ? "tfjs-wasm" : "tfjs-wasm-native";
    expect(name).toBe(native === undefined ? wasm : "tfjs-node");
  });
});

describe("the wasm backend, repaired", () => {
  test("sums segments as the cpu backend does, repeated, absent and negative ids included", async () => {
    const { wasm, cpu } = await onBoth(() =>
      tf.tidy(() => {
        const x = tf.tensor2d(values(7 * 5, 1), [7, 5]);
        return tf.unsortedSegmentSum(x, tf.tensor1d([3, 0, 3, 3, 1, 0, -1], "int32"), 5).dataSync() as Float32Array;
      }),
    );
    expect(largestDifference(wasm, cpu)).toBeLessThan(1e-6);
    expect([...wasm.subarray(10, 15)]).toEqual([0, 0, 0, 0, 0]);
  });

  test("has the gradient of a gather, which is a segment sum", async () => {
    const { wasm, cpu } = await onBoth(() =>
      tf.tidy(() => {
        const table = tf.tensor2d(values(6 * 4, 2), [6, 4]);
        const ids = tf.tensor1d([5, 1, 1, 0, 5, 5], "int32");
        const gradient = tf.grad((t) => tf.sum(tf.square(tf.gather(t, ids))));
        return gradient(table).dataSync() as Float32Array;
      }),
    );
    expect(largestDifference(wasm, cpu)).toBeLessThan(1e-5);
  });

  test.each(ways)(
    "multiplies and has the gradient of it, each side transposed or not, on odd sizes (%s)",
    async (_, way) => {
      repairWasm(tf, way);
      for (const [transposeA, transposeB] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ] as const) {
        for (const [m, n, k] of [
          [3, 7, 5],
          [1, 1, 1],
          [13, 33, 300],
          [100, 17, 6],
        ] as const) {
          const { wasm, cpu } = await onBoth(() =>
            tf.tidy(() => {
              const a = tf.tensor3d(values(2 * m * k, 3), transposeA ? [2, k, m] : [2, m, k]);
              const b = tf.tensor3d(values(2 * k * n, 4), transposeB ? [2, n, k] : [2, k, n]);
              const gradients = tf.grads((x, y) => tf.mean(tf.square(tf.matMul(x!, y!, transposeA, transposeB))));
              const [da, db] = gradients([a, b]);
              const product = tf.matMul(a, b, transposeA, transposeB);
              return tf.concat([product.flatten(), da!.flatten(), db!.flatten()]).dataSync() as Float32Array;
            }),
          );
          expect(largestDifference(wasm, cpu)).toBeLessThan(1e-4);
        }
      }
      repairWasm(tf);
    },
  );

  test("spreads one matrix over a batch of others, which the addon leaves to the library", async () => {
    repairWasm(tf, openNativeMatMul());
    const { wasm, cpu } = await onBoth(() =>
      tf.tidy(
        () =>
          tf
            .matMul(tf.tensor3d(values(12, 1), [2, 2, 3]), tf.tensor3d(values(12, 2), [1, 3, 4]))
            .dataSync() as Float32Array,
      ),
    );
    expect(largestDifference(wasm, cpu)).toBeLessThan(1e-5);
    repairWasm(tf);
  });

  test("gives the gradient that finite differences give, so the override is right on its own too", () => {
    const b = values(15, 6);
    const loss = (a: Float32Array) =>
      tf.tidy(() => tf.sum(tf.square(tf.matMul(tf.tensor2d(a, [2, 3]), tf.tensor2d(b, [3, 5])))).dataSync()[0]!);
    const a = values(6, 5);
    const gradient = tf.tidy(() =>
      tf
        .grad((x) => tf.sum(tf.square(tf.matMul(x.as2D(2, 3), tf.tensor2d(b, [3, 5])))))(tf.tensor2d(a, [2, 3]))
        .dataSync(),
    );
    for (let i = 0; i < a.length; i++) {
      const shifted = (by: number) => loss(a.map((value, j) => (j === i ? value + by : value)));
      expect(Math.abs((shifted(0.01) - shifted(-0.01)) / 0.02 - gradient[i]!)).toBeLessThan(0.02);
    }
  });
});
