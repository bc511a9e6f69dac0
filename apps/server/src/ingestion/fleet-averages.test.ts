import { noisyCount, noisyCountGrid } from "@attune/ml/privacy/noisy-count";
import { noisyMean, noisyMeanDifference } from "@attune/ml/privacy/noisy-mean";
import { demoContracts } from "@attune/shared/contracts/egress";
import { expect, test } from "vitest";
import { averageBlocks, type Block, minDevices } from "./fleet-averages.js";

const block = (rightPrior: number, rightAnswering: number, changes: Partial<Block> = {}): Block => ({
  ...{ fleet: "home", releaseSequence: 3, rightPrior, rightAnswering },
  ...changes,
});
const blocks = (count: number, changes: Partial<Block> = {}) =>
  Array.from({ length: count }, (_, i) => block(20 + 2 * i, 30 + 2 * (i % 2), changes));

test("an average is the estimator's, of each head and of the pairs' difference", () => {
  const [average] = averageBlocks(blocks(minDevices));
  const prior = [20, 22, 24, 26, 28];
  const answering = [30, 32, 30, 32, 30];
  expect(average).toEqual({
    fleet: "home",
    releaseSequence: 3,
    devices: minDevices,
    averages: {
      prior: noisyMean(prior),
      answering: noisyMean(answering),
      difference: noisyMeanDifference(answering, prior),
    },
  });
  expect(average!.averages!.difference.mean).toBeCloseTo((30.8 - 24) / 50, 12);
});

test.each(Array.from({ length: minDevices - 1 }, (_, i) => i + 1))("%i devices have no average", (count) => {
  expect(averageBlocks(blocks(count))).toEqual([{ fleet: "home", releaseSequence: 3, devices: count, averages: null }]);
});

test("each fleet and release has an average of its own, in order; without blocks there is none", () => {
  const all = [
    ...blocks(6, { releaseSequence: 12 }),
    ...blocks(5, { fleet: "work" }),
    ...blocks(2),
    ...blocks(7, { releaseSequence: 4 }),
  ];
  const found = averageBlocks(all).map((average) => [
    average.fleet,
    average.releaseSequence,
    average.devices,
    average.averages === null,
  ]);
  expect(found).toEqual([
    ["home", 3, 2, true],
    ["home", 4, 7, false],
    ["home", 12, 6, false],
    ["work", 3, 5, false],
  ]);
  expect(averageBlocks([])).toEqual([]);
});

test("an interval holds the true gain of a simulated fleet, and a larger fleet has a narrower one", () => {
  let state = 1;
  const randomBytes = (count: number) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
  const noisy = (count: number) => noisyCount(count, { randomBytes });
  const gainOf = (devices: number) => {
    const fleet = Array.from({ length: devices }, (_, i) => block(noisy(18 + (i % 9)), noisy(22 + (i % 9))));
    return averageBlocks(fleet)[0]!.averages!.difference;
  };
  const [few, many] = [gainOf(10), gainOf(1_000)];
  for (const { low, high } of [few, many]) {
    expect(low).toBeLessThan(4 / 50);
    expect(high).toBeGreaterThan(4 / 50);
  }
  expect(many.high - many.low).toBeLessThan((few.high - few.low) / 5);
});

test("the counts of every contract stand on the estimator's grid", () => {
  const { blockSize, minimum, maximum, step } = noisyCountGrid;
  const bounded = Object.values(demoContracts).filter(({ person }) => person !== undefined);
  expect(bounded.length).toBeGreaterThan(0);
  for (const { messages, person } of bounded) {
    expect(person!.blockSize).toBe(blockSize);
    for (const name of ["rightPrior", "rightAnswering"]) {
      expect(messages["report.slot"]!.fields[name]!.domain).toEqual({ kind: "quantized", minimum, maximum, step });
    }
  }
});
