// Compares a head that learns for years with a head that learned only the rows still held: a million labels, and
// as many rows forgotten. Each engine's visits are measured.

import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { createOnlineLinear, type OnlineLinear, sweepOnce } from "@attune/ml/online/online-linear";
import { createRandom } from "@attune/ml/tensor/random";
import { expect, test } from "vitest";
import { largestDifference } from "../golden/heads/read.js";

const [size, classes, held, updates] = [6, 4, 200, 1_000_000];
const recipe = {
  scale: 0.75,
  strength: 0.57,
  biasStrength: 1,
  reach: "prior",
  classWeights: "tempered",
  visits: 2,
} as const;

export function testDrift(name: string, kernels: HeadKernels): void {
  const random = createRandom(8);
  const prior = {
    weight: Float64Array.from({ length: classes * size }, () => random.normal()),
    bias: new Float64Array(classes),
  };
  const pool = Array.from({ length: 4999 }, () => ({
    features: Float32Array.from({ length: size }, () => random.normal()),
    label: random.integer(classes),
  }));

  function learn(head: OnlineLinear, at: number): void {
    const { features, label } = pool[at % pool.length]!;
    head.learn(String(at), features, label);
  }

  test(`in ${name}, after a million labels and as many rows forgotten, a head settles where the held rows alone lead, within 1e-9`, () => {
    const head = createOnlineLinear(prior, recipe, kernels);
    for (let at = 0; at < updates; at++) {
      learn(head, at);
      if (at >= held) head.forget(String(at - held));
    }
    const fresh = createOnlineLinear(prior, recipe);
    for (let at = updates - held; at < updates; at++) learn(fresh, at);
    expect(head.rows).toBe(held);
    expect(largestDifference(settle(head), settle(fresh))).toBeLessThan(1e-9);
  });
}

function settle(head: OnlineLinear): Float64Array {
  let change = 1;
  for (let turn = 0; change > 1e-12 && turn < 2000; turn++) change = sweepOnce(head);
  return head.weights().weight;
}
