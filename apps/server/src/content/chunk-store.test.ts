import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ChunkStore, createChunkStore } from "./chunk-store.js";

const bytes = new TextEncoder().encode("forty-two bytes of a release, more or less");
const sha256 = sha256Of(bytes);
let directory: string;
let store: ChunkStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-chunks-"));
  store = createChunkStore(directory, 64);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const pathOf = (hash: string) => join(directory, hash.slice(0, 2), hash);

test("what was put is read back, and putting it again changes nothing", async () => {
  expect(await store.put(bytes)).toBe(sha256);
  expect(await store.put(bytes)).toBe(sha256);
  expect(new Uint8Array((await store.read(sha256))!)).toEqual(bytes);
  expect(await readdir(join(directory, sha256.slice(0, 2)))).toEqual([sha256]);
});

test("a part is streamed by its first and last byte", async () => {
  await store.put(bytes);
  const content = await store.open(sha256);
  expect(content?.sizeBytes).toBe(bytes.length);
  expect(await text(await content!.stream(6, 8))).toBe("two");
});

test("what is not there is undefined", async () => {
  expect(await store.has(sha256)).toBe(false);
  expect(await store.read(sha256)).toBeUndefined();
  expect(await store.open(sha256)).toBeUndefined();
});

test("bytes under another hash, none, or too many are refused and leave nothing behind", async () => {
  await expect(store.putAs(sha256, bytes.subarray(1))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(store.put(new Uint8Array(0))).rejects.toThrow("1 to 64");
  await expect(store.put(new Uint8Array(65))).rejects.toThrow("65 bytes: a chunk has 1 to 64");
  expect(await readdir(directory)).toEqual([]);
});

test.each([
  ["truncated", (good: Uint8Array) => good.subarray(0, 10)],
  ["bit-flipped", (good: Uint8Array) => good.map((byte, i) => (i === 7 ? byte ^ 1 : byte))],
])("a %s file is set aside and reported, never served, and can be put again", async (_what, damage) => {
  await store.put(bytes);
  await writeFile(pathOf(sha256), damage(bytes));
  const content = await store.open(sha256);
  await expect(content!.stream(0, 0)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await readFile(`${pathOf(sha256)}.corrupt`)).toHaveLength(damage(bytes).length);
  expect(await store.has(sha256)).toBe(false);
  await store.put(bytes);
  expect(await store.read(sha256)).toHaveLength(bytes.length);
});

test.each(["../../etc/passwd", "", "ABCDEF", `${sha256}/..`, sha256.toUpperCase()])(
  "a name that is no hash (%s) reaches no file",
  async (name) => {
    await expect(store.read(name)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  },
);
