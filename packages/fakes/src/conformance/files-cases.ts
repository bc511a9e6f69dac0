// Every host's files answer alike: replaced whole, extended at the end, cut, listed and removed by path.

import { utf8 } from "@attune/shared/encoding";
import { type ConformanceCase, faultOf, textOf } from "./home.js";

const large = new Uint8Array(700_001).map((_, i) => (i * 31) % 251);

export const filesCases: readonly ConformanceCase[] = [
  {
    name: "files are written, extended, cut and replaced, and are there after a restart",
    async observe({ files, reopen }) {
      const before = [(await files.size("slots/1/a")) ?? null, await faultOf(() => files.read("slots/1/a"))];
      await files.append("slots/1/a", utf8("abc"));
      await files.append("slots/1/a", utf8(""));
      await files.append("slots/1/a", utf8("def"));
      const extended = [await files.size("slots/1/a"), textOf(await files.read("slots/1/a"))];
      await files.truncate("slots/1/a", 4);
      await files.append("slots/1/a", utf8("X"));
      const cut = textOf(await files.read("slots/1/a"));
      await files.truncate("slots/1/a", 3);
      const cutAtAnAppend = [await files.size("slots/1/a"), textOf(await files.read("slots/1/a"))];
      await files.truncate("slots/1/a", 0);
      const emptied = [await files.size("slots/1/a"), textOf(await files.read("slots/1/a"))];
      await files.writeDurably("slots/1/a", utf8("new"));
      await files.append("empty", utf8(""));
      const { files: again } = await reopen();
      return {
        before,
        extended,
        cut,
        cutAtAnAppend,
        emptied,
        again: textOf(await again.read("slots/1/a")),
        empty: await again.size("empty"),
      };
    },
    expected: {
      before: [null, "NOT_FOUND"],
      extended: [6, "abcdef"],
      cut: "abcdX",
      cutAtAnAppend: [3, "abc"],
      emptied: [0, ""],
      again: "new",
      empty: 0,
    },
  },
  {
    name: "a directory lists its own names, and goes with all that it holds",
    async observe({ files }) {
      for (const path of ["slots/1/a", "slots/10/b", "slots/1/deep/c", "slots0", "slots-2/d"]) {
        await files.writeDurably(path, utf8(path));
      }
      const listed = [await files.list("slots"), await files.list("slots/1"), await files.list("nowhere")];
      await files.remove("slots/1");
      await files.remove("slots/1");
      await files.remove("nowhere/at/all");
      const left = [await files.list("slots"), await files.size("slots0"), await files.size("slots-2/d")];
      return { listed, left, gone: await faultOf(() => files.open("slots/1/deep/c")) };
    },
    expected: {
      listed: [["1", "10"], ["a", "deep"], []],
      left: [["10"], 6, 9],
      gone: "NOT_FOUND",
    },
  },
  {
    name: "an opened file is read at any place, and stays what it was when another takes its name or it is removed",
    async observe({ files, hashing }) {
      await files.append("model", large.subarray(0, 300_000));
      await files.append("model", large.subarray(300_000));
      const opened = await files.open("model");
      const digest = await hashing.sha256Of(opened);
      const part = new Uint8Array(4);
      opened.read(299_998, part);
      await files.writeDurably("model", utf8("another"));
      const replaced = await hashing.sha256Of(opened);
      await files.remove("model");
      const removed = await hashing.sha256Of(opened);
      const { sizeBytes } = opened;
      await opened.close();
      return {
        sizeBytes,
        part: [...part],
        digests: new Set([digest, replaced, removed, await hashing.sha256(large)]).size,
      };
    },
    expected: { sizeBytes: 700_001, part: [...large.subarray(299_998, 300_002)], digests: 1 },
  },
  {
    name: "a host that says how much room is left says a number of bytes",
    async observe({ files }) {
      await files.writeDurably("a", utf8("a"));
      const free = await files.freeBytes();
      return free === undefined || (Number.isInteger(free) && free > 0);
    },
    expected: true,
  },
];
