// The keys of the store show nothing that a caller said.

import { createFaults, Killed } from "@attune/fakes/faults";
import { createMemoryStore, type MemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher, createTestHashing } from "@attune/fakes/node-crypto";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { expect, test } from "vitest";
import type { StoreOperation } from "../ports.js";
import { openFeatureSet } from "./features-cache.js";
import { recordName, renameEarlierRecords } from "./record-names.js";
import { openUtterances } from "./utterances.js";

const hashing = createTestHashing("names");
const cipher = createTestCipher();
const tombstones = { count: async () => 0, add: async () => {} };
/** One id looks like a name's hash, because a caller may choose such an id. */
const ids = [
  "i-hate-my-boss",
  "a".repeat(64),
  ...Array.from({ length: 150 }, (_, i) => `u${String(i).padStart(4, "0")}`),
];

/** Fills the store as an older agent wrote it. */
async function fill(store: MemoryStore): Promise<void> {
  const put = async (key: string, plain: Uint8Array): Promise<StoreOperation> => ({
    type: "put",
    key,
    value: await cipher.seal(plain, key),
  });
  for (const [i, id] of ids.entries()) {
    const record = { version: 1, text: `text of ${id}`, label: "joy", split: i % 2 === 0 ? "train" : "holdout" };
    const row = Float32Array.of(i, -i);
    await store.batch([
      await put(`utterance/${id}`, canonicalBytes(record)),
      await put(`features/set.reference/${id}`, new Uint8Array(row.buffer)),
    ]);
  }
}

async function expectAllThere(store: MemoryStore): Promise<void> {
  const utterances = await openUtterances({ store, cipher, hashing, tombstones });
  const features = await openFeatureSet("set.reference", { store, cipher, featureSize: 2, utterances });
  expect(utterances.ids()).toEqual([...ids].sort());
  for (const [i, id] of ids.entries()) {
    const split = i % 2 === 0 ? "train" : "holdout";
    expect(await utterances.read(id)).toEqual({ text: `text of ${id}`, label: "joy", split });
    expect(features.get(id)).toEqual(Float32Array.of(i, -i));
  }
  expect(store.contents.size).toBe(2 * ids.length);
  for (const key of store.contents.keys()) expect(ids.filter((id) => key.includes(id))).toEqual([]);
}

test("keeps under names that say no id what an older agent kept by its id, and loses nothing wherever it dies", async () => {
  const faults = createFaults();
  const calm = createMemoryStore(faults);
  await fill(calm);
  const before = faults.steps;
  await renameEarlierRecords({ store: calm, cipher, hashing });
  const steps = faults.steps - before;
  expect(steps).toBeGreaterThan(4);
  await expectAllThere(calm);
  for (let step = 1; step <= steps; step++) {
    const dying = createFaults();
    const store = createMemoryStore(dying);
    await fill(store);
    dying.killAt(step, step % 2 === 0 ? "after" : "before");
    await expect(renameEarlierRecords({ store, cipher, hashing })).rejects.toThrow(Killed);
    dying.revive();
    await renameEarlierRecords({ store, cipher, hashing });
    await expectAllThere(store);
  }
});

test("does nothing where everything has its name", async () => {
  const faults = createFaults();
  const store = createMemoryStore(faults);
  await fill(store);
  await renameEarlierRecords({ store, cipher, hashing });
  const { steps } = faults;
  await renameEarlierRecords({ store, cipher, hashing });
  expect(faults.steps).toBe(steps);
});

test("gives an id one name, which another device's key would not give it", async () => {
  expect(await recordName(hashing, "u1")).toBe(await recordName(hashing, "u1"));
  expect(await recordName(hashing, "u1")).not.toBe(await recordName(hashing, "u2"));
  expect(await recordName(hashing, "u1")).toMatch(/^~[0-9a-f]{32}$/);
});
