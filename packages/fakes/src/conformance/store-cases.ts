// Every store answers alike: whole batches, one order of keys, and all that was written after a restart.

import type { Store, StoreOperation } from "@attune/edge-agent/core/ports";
import { utf8 } from "@attune/shared/encoding";
import { type ConformanceCase, type ConformingHome, textOf } from "./home.js";

const put = (key: string, value = key): StoreOperation => ({ type: "put", key, value: utf8(value) });
const remove = (key: string): StoreOperation => ({ type: "delete", key });

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.entries(prefix)) keys.push(key);
  return keys;
}

/** UTF-16, by which JavaScript sorts, has the last two in the other order. */
const inOrder = ["a", "a/", "a/0", "a/0/1", "a/1", "a/10", "a/2", "a/A", "a/a", "a/~", "a/é", "a/\uffee", "a/😀"];
const manyKeys = Array.from({ length: 300 }, (_, i) => `m/${String(i).padStart(4, "0")}`);

export const storeCases: readonly ConformanceCase[] = [
  {
    name: "a batch puts and deletes in its order, and all of it is there after a restart",
    async observe({ store, reopen }) {
      await store.batch([put("b/1", "1"), put("b/2", "2"), put("c")]);
      await store.batch([remove("b/1"), put("b/2", "two"), remove("b/9"), put("b/3"), remove("c"), put("c", "again")]);
      const read = async (from: Store) =>
        Promise.all(["b/1", "b/2", "b/3", "c"].map(async (key) => textOf(await from.get(key))));
      return [await read(store), await read((await reopen()).store)];
    },
    expected: [
      [null, "two", "b/3", "again"],
      [null, "two", "b/3", "again"],
    ],
  },
  {
    name: "entries come in the order of their keys' UTF-8 bytes, those of the prefix alone",
    async observe({ store }) {
      await store.batch(inOrder.toReversed().map((key) => put(key)));
      return [await keysOf(store, ""), await keysOf(store, "a/"), await keysOf(store, "a/1"), await keysOf(store, "z")];
    },
    expected: [inOrder, inOrder.slice(1), ["a/1", "a/10"], []],
  },
  {
    name: "entries of several pages come once each, beside what is written and deleted meanwhile",
    async observe({ store }) {
      await store.batch(manyKeys.map((key) => put(key)));
      const seen: string[] = [];
      for await (const [key] of store.entries("m/")) {
        seen.push(key);
        if (seen.length === 1) await store.batch([remove(manyKeys[299]!), put("m/0000a"), put("m/9999")]);
      }
      return [seen.length, new Set(seen).size, seen.at(-1), seen.includes(manyKeys[299]!)];
    },
    expected: [300, 300, "m/9999", false],
  },
  {
    name: "a value is the bytes that were given, however the caller uses its buffer",
    async observe({ store, reopen }) {
      const buffer = new Uint8Array(1_000_000).fill(7);
      const view = buffer.subarray(10, 13);
      const writing = store.batch([
        { type: "put", key: "view", value: view },
        { type: "put", key: "empty", value: new Uint8Array(0) },
        { type: "put", key: "large", value: buffer },
      ]);
      await writing;
      buffer.fill(9);
      const { store: again } = await reopen();
      const large = await again.get("large");
      const read = await again.get("view");
      return [
        [...read!],
        read!.buffer.byteLength < 1_000,
        (await again.get("empty"))!.length,
        large!.length,
        large![0],
      ];
    },
    expected: [[7, 7, 7], true, 0, 1_000_000, 7],
  },
  {
    name: "an erasure deletes and replaces as a batch does",
    async observe({ store, reopen }) {
      await store.batch([put("u/1"), put("u/2"), put("v/1")]);
      await store.erase([remove("u/1"), put("u/2", "new"), put("u/3")]);
      const { store: again } = await reopen();
      return [await keysOf(again, "u/"), await keysOf(again, "v/"), textOf(await again.get("u/2"))];
    },
    expected: [["u/2", "u/3"], ["v/1"], "new"],
  },
  {
    name: "batches under way at once all arrive, and one that cannot be written leaves nothing",
    async observe({ store }: ConformingHome) {
      await Promise.all(manyKeys.slice(0, 50).map((key) => store.batch([put(key), put("last", key)])));
      const broken: StoreOperation = {
        type: "put",
        key: "x/2",
        get value(): Uint8Array {
          throw new Error("there is no value");
        },
      };
      const failed = await store.batch([put("x/1"), broken]).then(
        () => "written",
        () => "refused",
      );
      return [(await keysOf(store, "m/")).length, failed, await keysOf(store, "x/")];
    },
    expected: [50, "refused", []],
  },
];
