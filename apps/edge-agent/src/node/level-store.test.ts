import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@attune/ml/tensor/random";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StoreOperation } from "../core/ports.js";
import { openLevelStore } from "./level-store.js";
import { createCrc32c } from "./level-verify.js";

let home: string;
let directory: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-store-"));
  directory = join(home, "store");
});
afterEach(() => rm(home, { recursive: true, force: true }));

const value = (text: string): Uint8Array => new TextEncoder().encode(text);

async function fill(count: number, size = 40): Promise<void> {
  const store = await openLevelStore(directory);
  for (let i = 0; i < count; i++) {
    await store.batch([{ type: "put", key: `k/${String(i).padStart(4, "0")}`, value: value("v".repeat(size)) }]);
  }
  await store.close();
}

async function keys(prefix: string): Promise<string[]> {
  const store = await openLevelStore(directory);
  const found: string[] = [];
  for await (const [key] of store.entries(prefix)) found.push(key);
  await store.close();
  return found;
}

async function fileOf(pattern: RegExp): Promise<string> {
  const name = (await readdir(directory)).filter((candidate) => pattern.test(candidate)).sort()[0];
  return join(directory, name as string);
}

async function flip(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[position] = (bytes[position] as number) ^ 0x40;
  await writeFile(path, bytes);
}

test("a batch is seen whole, entries come by prefix in order, and all is there after opening again", async () => {
  const store = await openLevelStore(directory);
  await store.batch([
    { type: "put", key: "b/2", value: value("2") },
    { type: "put", key: "b/1", value: value("1") },
    { type: "put", key: "c/1", value: value("other") },
    { type: "put", key: "b", value: value("shorter") },
  ]);
  await store.batch([
    { type: "delete", key: "b" },
    { type: "put", key: "b/3", value: value("3") },
  ]);
  expect(Buffer.from((await store.get("b/1")) as Uint8Array).toString()).toBe("1");
  expect(await store.get("b")).toBeUndefined();
  await store.close();
  expect(await keys("b/")).toEqual(["b/1", "b/2", "b/3"]);
});

async function filesHolding(text: string): Promise<string[]> {
  const names = await readdir(directory);
  const contents = await Promise.all(names.map((name) => readFile(join(directory, name))));
  return names.filter((_, i) => contents[i]?.includes(text));
}

test.each([["just now"], ["in an earlier life"]])("what was written %s and is erased is in no file", async (when) => {
  await fill(60, 4_000);
  let store = await openLevelStore(directory);
  await store.batch([{ type: "put", key: "k/0030x", value: value("canary") }]);
  await store.batch([{ type: "put", key: "k/0040", value: value("starling") }]);
  if (when === "in an earlier life") {
    await store.close();
    store = await openLevelStore(directory);
  }
  expect((await filesHolding("canary")).length).toBeGreaterThan(0);
  await store.erase([
    { type: "delete", key: "k/0030x" },
    { type: "put", key: "k/0040", value: value("robin") },
  ]);
  expect(await filesHolding("canary")).toEqual([]);
  expect(await filesHolding("starling")).toEqual([]);
  expect(Buffer.from((await store.get("k/0040")) as Uint8Array).toString()).toBe("robin");
  await store.close();
  expect(await keys("")).toHaveLength(60);
});

test.each([
  ["as an older agent wrote it", "1"],
  ["of one part", '["k/"]'],
])("an erasure that a crash interrupted is finished at the next start: its mark %s", async (_, mark) => {
  await fill(60, 4_000);
  let store = await openLevelStore(directory);
  await store.batch([{ type: "put", key: "k/0030x", value: value("canary") }]);
  await store.close();
  store = await openLevelStore(directory);
  // An erasure that dies right after the deletion has written this batch.
  await store.batch([
    { type: "delete", key: "k/0030x" },
    { type: "put", key: "erasing", value: value(mark) },
  ]);
  await store.close();
  expect((await filesHolding("canary")).length).toBeGreaterThan(0);
  expect(await keys("")).toHaveLength(60);
  expect(await filesHolding("canary")).toEqual([]);
});

test("what is erased while somebody is in the middle of the entries is in no file, and whoever reads reads on", async () => {
  await fill(200, 4_000);
  const store = await openLevelStore(directory);
  await store.batch([{ type: "put", key: "k/0030x", value: value("canary") }]);
  const reading = store.entries("k/")[Symbol.asyncIterator]();
  await reading.next();
  const pending = store.get("k/0030x");
  await store.erase([{ type: "delete", key: "k/0030x" }]);
  await pending;
  expect(await filesHolding("canary")).toEqual([]);
  expect(await store.get("erasing")).toBeUndefined();
  let rest = 0;
  while (!(await reading.next()).done) rest++;
  expect(rest).toBeGreaterThanOrEqual(199);
  await store.close();
});

test("an erasure takes along what was deleted under the same part before, wherever it lies", async () => {
  let store = await openLevelStore(directory);
  await store.batch([{ type: "put", key: "k/z.native/u1", value: value("canary") }]);
  await store.batch([{ type: "delete", key: "k/z.native/u1" }]);
  // Closing the store gives the deletion a table of its own.
  await store.close();
  store = await openLevelStore(directory);
  await store.batch([{ type: "put", key: "k/a.native/u1", value: value("features") }]);
  expect(await filesHolding("canary")).not.toEqual([]);
  await store.erase([{ type: "delete", key: "k/a.native/u1" }]);
  expect(await filesHolding("canary")).toEqual([]);
  await store.close();
});

test("after any history, an erasure leaves no value of its part in a file but those that are stored", async () => {
  const random = createRandom(3);
  let store = await openLevelStore(directory);
  let written = 0;
  const stored = new Map<string, string>();
  const put = (part: string, round: number): StoreOperation => {
    const key = `${part}${String(random.integer(300)).padStart(4, "0")}`;
    const token = part === "k/" ? `canary-${String(written++).padStart(6, "0")}` : "";
    if (part === "k/") stored.set(key, token);
    return { type: "put", key, value: value(token.padEnd(20 + random.integer(round % 2 === 0 ? 200 : 20_000), "v")) };
  };
  const remove = (): StoreOperation[] => {
    const key = [...stored.keys()][random.integer(stored.size)] as string;
    stored.delete(key);
    return [{ type: "delete", key }];
  };
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 40; i++) {
      await store.batch([
        put("k/", round),
        put(random.integer(2) === 0 ? "a/" : "z/", round),
        ...(random.integer(3) === 0 ? remove() : []),
      ]);
    }
    if (random.integer(3) === 0) {
      await store.close();
      store = await openLevelStore(directory);
    }
    await store.erase(random.integer(2) === 0 ? remove() : [put("k/", round)]);
    const names = await readdir(directory);
    const contents = await Promise.all(names.map((name) => readFile(join(directory, name), "latin1")));
    const found = new Set(contents.flatMap((content) => content.match(/canary-\d{6}/g) ?? []));
    expect([...found].sort()).toEqual([...stored.values()].sort());
  }
  await store.close();
});

test("a second opening of the same store is refused", async () => {
  const store = await openLevelStore(directory);
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "HOME_IN_USE" });
  await store.close();
});

test("a log that a crash cut in the middle of a record opens, without the record that was never confirmed", async () => {
  await fill(20);
  // The log holds only what was written since the last opening.
  const log = await fileOf(/\.log$/);
  const bytes = await readFile(log);
  await truncate(log, bytes.length - 10);
  expect(await keys("k/")).toHaveLength(19);
});

test("a damaged record of the log is reported and the store set aside as it was", async () => {
  await fill(20);
  const log = await fileOf(/\.log$/);
  await flip(log, 700);
  const damaged = await readFile(log);
  await expect(openLevelStore(directory)).rejects.toMatchObject({
    code: "STORE_CORRUPT",
    message: expect.stringContaining("store.corrupt-1"),
  });
  expect(await readdir(home)).toEqual(["store.corrupt-1"]);
  expect(await readFile(log.replace("/store/", "/store.corrupt-1/"))).toEqual(damaged);
  expect(await keys("k/")).toEqual([]);
});

test("a damaged table is reported, wherever the damage lies", async () => {
  await fill(60, 4_000);
  expect(await keys("k/")).toHaveLength(60);
  const table = await fileOf(/\.ldb$/);
  const { length } = await readFile(table);
  const restore = await readFile(table);
  for (const position of [5, 4_200, Math.floor(length / 2), length - 60, length - 5]) {
    await flip(table, position);
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    const aside = (await readdir(home)).find((name) => name.startsWith("store.corrupt-")) as string;
    await rm(directory, { recursive: true, force: true });
    await (await import("node:fs/promises")).rename(join(home, aside), directory);
    await writeFile(table, restore);
  }
  expect(await keys("k/")).toHaveLength(60);
});

test("a lost or emptied part of the store is reported", async () => {
  await fill(60, 4_000);
  await keys("k/");
  await rm(await fileOf(/\.ldb$/));
  await expect(openLevelStore(directory).then((store) => store.close())).rejects.toMatchObject({
    code: "STORE_CORRUPT",
  });
  await fill(3);
  await writeFile(await fileOf(/^CURRENT$/), "");
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  await fill(3);
  await rm(await fileOf(/^CURRENT$/));
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});

test("CRC-32C gives the check value of RFC 3720", () => {
  const crc32c = createCrc32c();
  expect(crc32c(value("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});
