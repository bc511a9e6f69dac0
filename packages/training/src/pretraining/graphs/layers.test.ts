// Every hand-written gradient equals the library's own on its plain backend, on odd sizes too.

import { createRandom } from "@attune/ml/tensor/random";
import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../backend/backend.js";
import type { Tf } from "../backend/tensorflow.js";
import {
  activation,
  dense,
  dropout,
  layerNorm,
  maxOverTokens,
  scaleAndShift,
  type Tensor,
  type Tensor2D,
} from "./layers.js";

let tf: Tf;
beforeAll(async () => {
  ({ tf } = await openBackend("tfjs-wasm"));
});

function values(size: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: size }, () => random.normal());
}

type Compute = (...inputs: Tensor[]) => Tensor;

/** Value and gradients of the sum of squares of `compute`, flattened into one list. */
function valuesAndGradients(compute: Compute, shapes: number[][]): number[] {
  const result: number[] = [];
  tf.tidy(() => {
    const inputs = shapes.map((shape, i) => tf.tensor(values(tf.util.sizeFromShape(shape), i + 1), shape));
    const scalar = (...args: Tensor[]) => tf.sum(tf.square(compute(...args))) as import("@tensorflow/tfjs").Scalar;
    const { value, grads } = tf.valueAndGrads(scalar)(inputs);
    result.push(...compute(...inputs).dataSync(), ...value.dataSync(), ...grads.flatMap((g) => [...g.dataSync()]));
  });
  return result;
}

async function expectSame(ours: Compute, plain: Compute, shapes: number[][]): Promise<void> {
  const actual = valuesAndGradients(ours, shapes);
  await tf.setBackend("cpu");
  const expected = valuesAndGradients(plain, shapes);
  await tf.setBackend("wasm");
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of actual.entries()) {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5 * (1 + Math.abs(expected[i]!)) * 10);
  }
}

describe("layers", () => {
  test.each([
    [3, 5, 7],
    [7, 5, 3],
    [1, 1, 1],
  ])("dense: (%i, %i) to %i columns", async (rows, input, output) => {
    await expectSame(
      (x, weight, bias) => dense(tf, x as Tensor2D, { weight: weight!, bias: bias! }),
      (x, weight, bias) => tf.add(tf.matMul(x as Tensor2D, weight as Tensor2D, false, true), bias!),
      [[rows, input], [output, input], [output]],
    );
  });

  test("layerNorm", async () => {
    const epsilon = 1e-5;
    await expectSame(
      (x, weight, bias) => layerNorm(tf, x as Tensor2D, { weight: weight!, bias: bias!, epsilon }),
      (x, weight, bias) => {
        const { mean, variance } = tf.moments(x!, 1, true);
        return x!
          .sub(mean)
          .div(tf.sqrt(variance.add(epsilon)))
          .mul(weight!)
          .add(bias!);
      },
      [[5, 7], [7], [7]],
    );
  });

  test("gelu in its exact form", async () => {
    await expectSame(
      (x) => activation(tf, x as Tensor2D, "gelu"),
      (x) => x!.mul(0.5).mul(tf.erf(x!.mul(Math.SQRT1_2)).add(1)),
      [[9, 11]],
    );
  });

  test("gelu in its tanh form", async () => {
    await expectSame(
      (x) => activation(tf, x as Tensor2D, "gelu_new"),
      (x) => {
        const inner = x!
          .pow(3)
          .mul(0.044715)
          .add(x!)
          .mul(Math.sqrt(2 / Math.PI));
        return x!.mul(0.5).mul(tf.tanh(inner).add(1));
      },
      [[9, 11]],
    );
  });

  test("relu", async () => {
    await expectSame(
      (x) => activation(tf, x as Tensor2D, "relu"),
      (x) => tf.relu(x!),
      [[9, 11]],
    );
  });

  test("scaleAndShift", async () => {
    await expectSame(
      (x, weight, bias) => scaleAndShift(tf, x as Tensor2D, { weight: weight!, bias: bias! }),
      (x, weight, bias) => x!.mul(weight!).add(bias!),
      [[5, 7], [7], [7]],
    );
  });

  test("gelu far from zero: the input itself, or zero, and no NaN", () => {
    const result = tf.tidy(() => [...activation(tf, tf.tensor2d([[-1e4, -40, 0, 40, 1e4]]), "gelu").dataSync()]);
    expect(result.map((value) => value + 0)).toEqual([0, 0, 0, 40, 1e4]);
  });

  test("maxOverTokens, padding left out", async () => {
    const mask = new Float32Array([1, 1, 0, 1, 0, 0]);
    await expectSame(
      (x) => maxOverTokens(tf, x!, mask),
      (x) => tf.max(x!.add(tf.tensor(mask, [2, 3, 1]).sub(1).mul(1e9)), 1),
      [[2, 3, 4]],
    );
  });

  test("dropout keeps the mean, repeats itself for a seed and does nothing without a generator", () => {
    tf.tidy(() => {
      const x = tf.ones([100, 101]) as Tensor2D;
      const once = dropout(tf, x, { rate: 0.1, random: createRandom(3) }).dataSync<"float32">();
      const again = dropout(tf, x, { rate: 0.1, random: createRandom(3) }).dataSync();
      expect(once).toEqual(again);
      expect(Math.abs(once.reduce((sum, value) => sum + value, 0) / once.length - 1)).toBeLessThan(0.02);
      expect(once.filter((value) => value === 0).length / once.length).toBeCloseTo(0.1, 1);
      expect(dropout(tf, x, { rate: 0.1, random: undefined })).toBe(x);
    });
  });
});
