// Scores and their blocks: each score is in one block ever, sealed until then, and gone after that.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore, type MemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher } from "@attune/fakes/node-crypto";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { beforeEach, describe, expect, test } from "vitest";
import type { PendingChange } from "../storage/pending-change.js";
import { openScores, type Scores } from "./scores.js";

let store: MemoryStore;
let scores: Scores;
const open = () => openScores({ store, cipher: createTestCipher() });

async function write<C extends PendingChange>(change: C): Promise<C> {
  await store.batch(change.operations);
  change.onWritten();
  return change;
}

/** Adds scores of the names `first`, `first` + 1, …: the prior is right about the even ones. */
async function add(count: number, { first = 0, release = 1 } = {}): Promise<void> {
  for (let i = first; i < first + count; i++) {
    await write(await scores.add({ name: `n${i}`, release, prior: i % 2 === 0, answering: true }));
  }
}

const take = async (release = 1) => (await write(scores.takeBlock(release, 50))).block;

beforeEach(async () => {
  store = createMemoryStore(createFaults());
  scores = await open();
});

describe("scores", () => {
  test("are no block below fifty, and leave the store all the same once a block was taken", async () => {
    await add(49);
    expect(await take()).toBeUndefined();
    expect(scores.count).toBe(49);
    await add(1, { first: 49 });
    expect(await take()).toEqual({ rightPrior: 25, rightAnswering: 50 });
    expect(scores.count).toBe(0);
    expect(store.contents.size).toBe(0);
    expect(await take()).toBeUndefined();
  });

  test("are taken as the newest whole block, and those before it never come again", async () => {
    await add(1, { first: 1 });
    await add(129, { first: 1 });
    expect(await take()).toEqual({ rightPrior: 25, rightAnswering: 50 });
    expect(scores.count).toBe(30);
    await add(19, { first: 200 });
    expect(await take()).toBeUndefined();
    await add(1, { first: 300 });
    expect((await take())?.rightAnswering).toBe(50);
  });

  test("of another release are dropped with the next block", async () => {
    await add(60);
    await add(20, { first: 60, release: 2 });
    expect(await take(2)).toBeUndefined();
    expect(scores.count).toBe(20);
    await add(30, { first: 80, release: 2 });
    expect(await take(2)).toEqual({ rightPrior: 25, rightAnswering: 50 });
  });

  test("are forgotten with their utterance, wherever they stand", async () => {
    await add(50);
    for (const name of ["n0", "n25", "n49"]) await write(scores.delete(name));
    expect(scores.delete("n0").operations).toEqual([]);
    expect(await take()).toBeUndefined();
    await add(3, { first: 50 });
    // Gone are the even n0 and the odd n25 and n49; n50 and n52 are even.
    expect(await take()).toEqual({ rightPrior: 26, rightAnswering: 50 });
  });

  test("survive a restart in their order, sealed", async () => {
    await add(70);
    scores = await open();
    expect(scores.count).toBe(70);
    await add(1, { first: 70 });
    scores = await open();
    expect(await take()).toEqual({ rightPrior: 25, rightAnswering: 50 });
    scores = await open();
    expect(scores.count).toBe(21);
    for (const [key, value] of store.contents) {
      expect(key + Buffer.from(value).toString("latin1")).not.toMatch(/name|prior|answering/);
    }
  });

  test("are sealed in one size, whether the heads were right or wrong", async () => {
    for (const [i, right] of [true, false, true, false].entries()) {
      await write(await scores.add({ name: `n${i}`, release: 1, prior: right, answering: i > 1 }));
    }
    expect(new Set([...store.contents.values()].map(({ length }) => length)).size).toBe(1);
  });

  test("that the first agents wrote are read as well", async () => {
    const key = `score/${"0".repeat(16)}`;
    const plain = canonicalBytes({ version: 1, name: "n0", release: 1, prior: true, answering: false });
    await store.batch([{ type: "put", key, value: await createTestCipher().seal(plain, key) }]);
    scores = await open();
    await add(49, { first: 1 });
    expect(await take()).toEqual({ rightPrior: 25, rightAnswering: 49 });
  });

  test("change only once their batch is on the disk", async () => {
    await add(50);
    await scores.add({ name: "lost", release: 1, prior: true, answering: true });
    expect(scores.count).toBe(50);
    const first = scores.takeBlock(1, 50);
    expect(scores.takeBlock(1, 50).block).toEqual(first.block);
    await write(first);
    expect(scores.count).toBe(0);
  });
});
