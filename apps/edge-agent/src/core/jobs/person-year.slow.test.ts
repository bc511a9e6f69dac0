// A person's year of slots, and its neighbour with one score changed: all reports together separate the two by no more
// than ε allows.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { noisyCountGrid, noisyCountProbabilities, noisyCountValues } from "@attune/ml/privacy/noisy-count";
import { createRandom, type Random } from "@attune/ml/tensor/random";
import { createContracts } from "@attune/shared/contracts/egress";
import { describe, expect, test } from "vitest";
import { type RightAnswers, slotDraft } from "../egress/report.js";
import { openScores, type Score } from "../learning/scores.js";
import type { Cipher } from "../ports.js";

const { blockSize, epsilon } = noisyCountGrid;
/** One score is in one block, and changes both of its counts. */
const bound = 2 * epsilon;
const slots = 52;
const wording = { contracts: createContracts(), contract: 2 };
const values = noisyCountValues();
/** Scores are sealed elsewhere; here a million of them pass. */
const open: Cipher = { seal: async (plain) => plain, open: async (sealed) => sealed };

type Year = readonly (readonly Score[])[];
type Report = ReturnType<typeof slotDraft>;

/** The scores of each slot: between none and 120, from a person who is right more or less often. */
function year(random: Random): Year {
  const [prior, answering] = [random.next(), random.next()];
  let number = 0;
  return Array.from({ length: slots }, () =>
    Array.from({ length: random.integer(121) }, () => ({
      name: `n${number++}`,
      release: 1,
      prior: random.next() < prior,
      answering: random.next() < answering,
    })),
  );
}

/** The year with one score changed: of either head, or of both. */
function neighbour(random: Random, all: Year): Year {
  const scores = all.flat();
  const { name } = scores[random.integer(scores.length)]!;
  const [prior, answering] = [
    [true, true],
    [true, false],
    [false, true],
  ][random.integer(3)]!;
  return all.map((slot) =>
    slot.map((score) =>
      score.name === name
        ? { ...score, prior: score.prior !== prior, answering: score.answering !== answering }
        : score,
    ),
  );
}

/** The blocks that the slots of the year report, as the store of scores hands them out. */
async function blocksOf(all: Year): Promise<(RightAnswers | undefined)[]> {
  const store = createMemoryStore(createFaults());
  const scores = await openScores({ store, cipher: open });
  const write = async ({ operations, onWritten }: Awaited<ReturnType<typeof scores.add>>) => {
    await store.batch(operations);
    onWritten();
  };
  const blocks: (RightAnswers | undefined)[] = [];
  for (const slot of all) {
    for (const score of slot) await write(await scores.add(score));
    const taken = scores.takeBlock(1, blockSize);
    await write(taken);
    blocks.push(taken.block);
  }
  return blocks;
}

type Likelihood = (count: number, value: number) => number;
const withNoise: Likelihood = (count, value) => noisyCountProbabilities(count)[values.indexOf(value)]!;
/** An agent that rounds the count and adds nothing. */
const withoutNoise: Likelihood = (count, value) => (count - (count % 2) === value ? 1 : 0);

function logLikelihood(
  likelihood: Likelihood,
  blocks: readonly (RightAnswers | undefined)[],
  reports: readonly Report[],
) {
  return reports.reduce((sum, { rightPrior, rightAnswering }, i) => {
    const block = blocks[i];
    // The slots without a block are the same in both years, for the number of scores decides them.
    expect(rightPrior === null).toBe(block === undefined);
    if (block === undefined) return sum;
    const prior = likelihood(block.rightPrior, rightPrior!);
    return sum + Math.log(prior) + Math.log(likelihood(block.rightAnswering, rightAnswering!));
  }, 0);
}

type Send = (block: RightAnswers | undefined) => Report;

/** The log-likelihood ratio of each of many years against its neighbour, without its sign. */
async function ratios(years: number, send: Send, likelihood: Likelihood): Promise<number[]> {
  const random = createRandom(14);
  const found: number[] = [];
  for (let i = 0; i < years; i++) {
    const lived = year(random);
    const [blocks, others] = [await blocksOf(lived), await blocksOf(neighbour(random, lived))];
    const reports = blocks.map(send);
    found.push(Math.abs(logLikelihood(likelihood, blocks, reports) - logLikelihood(likelihood, others, reports)));
  }
  return found;
}

const noise = createRandom(15);
const randomBytes = (length: number) => Uint8Array.from({ length }, () => noise.integer(256));
const naive: Send = (block) => ({
  ...slotDraft(wording, undefined, { randomBytes }),
  rightPrior: block === undefined ? null : block.rightPrior - (block.rightPrior % 2),
  rightAnswering: block === undefined ? null : block.rightAnswering - (block.rightAnswering % 2),
});

describe("a year of slot reports", () => {
  test("favours no year over a neighbour by more than two ε, in 150 years", async () => {
    const found = await ratios(150, (block) => slotDraft(wording, block, { randomBytes }), withNoise);
    expect(Math.max(...found)).toBeLessThanOrEqual(bound + 1e-9);
    // The bound is no idle number: years come near it, and some scores were in no block.
    expect(Math.max(...found)).toBeGreaterThan(bound * 0.9);
    expect(found.filter((ratio) => ratio === 0).length).toBeGreaterThan(0);
  });

  test("of an agent without noise excludes a neighbour, so that the bound above can fail", async () => {
    const found = await ratios(30, naive, withoutNoise);
    expect(found.filter((ratio) => ratio > bound || Number.isNaN(ratio)).length).toBeGreaterThan(0);
  });
});

test("Each value of a noisy count is at most ε likelier under one count than under the next.", () => {
  let largest = 0;
  for (let count = 0; count < blockSize; count++) {
    const [one, next] = [noisyCountProbabilities(count), noisyCountProbabilities(count + 1)];
    for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(Math.log(one[i]! / next[i]!)));
  }
  expect(largest).toBeLessThanOrEqual(epsilon + 1e-9);
});
