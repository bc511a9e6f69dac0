import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNodeFiles } from "./node-files.js";
import { createNodeHashing } from "./node-hashing.js";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-files-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("files are written, read, extended, cut, listed and removed by relative path", async () => {
  const files = createNodeFiles(home);
  expect(await files.size("slots/1/a")).toBeUndefined();
  expect(await files.list("slots/1")).toEqual([]);
  await files.append("slots/1/a", bytes("abc"));
  await files.append("slots/1/a", bytes("def"));
  expect(await files.size("slots/1/a")).toBe(6);
  await files.truncate("slots/1/a", 4);
  expect(Buffer.from(await files.read("slots/1/a")).toString()).toBe("abcd");
  await files.writeDurably("slots/1/a", bytes("new"));
  await files.writeDurably("slots/1/b", bytes("b"));
  expect(await files.list("slots/1")).toEqual(["a", "b"]);
  expect(Buffer.from(await files.read("slots/1/a")).toString()).toBe("new");
  await files.remove("slots/1");
  await files.remove("slots/1");
  await files.remove("nowhere/at/all");
  await expect(files.read("slots/1/a")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("what is written is for the owner alone", async () => {
  await createNodeFiles(home).writeDurably("keys/secret", bytes("x"));
  expect((await stat(join(home, "keys"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(home, "keys/secret"))).mode & 0o777).toBe(0o600);
});

test("no path leads out of the home", async () => {
  const files = createNodeFiles(join(home, "inner"));
  for (const path of ["../outside", "a/../../outside", "/etc/hostname", ""]) {
    await expect(async () => files.read(path)).rejects.toMatchObject({ code: "INTERNAL" });
  }
});

test("an opened file is read at any place, stays what it was when another takes its name, and says so when it is cut", async () => {
  const files = createNodeFiles(home);
  await expect(files.open("absent")).rejects.toMatchObject({ code: "NOT_FOUND" });
  const content = new Uint8Array(700_001).map((_, i) => (i * 31) % 251);
  await files.writeDurably("model", content);
  const opened = await files.open("model");
  try {
    expect(opened.sizeBytes).toBe(content.length);
    const part = new Uint8Array(1000);
    opened.read(699_001, part);
    expect(part).toEqual(content.slice(699_001));
    const hashing = createNodeHashing(new Uint8Array(32));
    expect(await hashing.sha256Of(opened)).toBe(await hashing.sha256(content));
    await files.writeDurably("model", bytes("another"));
    expect(await hashing.sha256Of(opened)).toBe(await hashing.sha256(content));
  } finally {
    await opened.close();
  }
  await files.writeDurably("model", content);
  const cut = await files.open("model");
  await files.truncate("model", 10);
  expect(() => cut.read(5, new Uint8Array(6))).toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
  await cut.close();
});
