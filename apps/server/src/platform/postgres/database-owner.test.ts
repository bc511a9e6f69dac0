import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@attune/platform/logger";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readOwner, removeAbandoned, writeOwner } from "./database-owner.js";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let directory: string;
let shared: string;
let volume: string;
let home: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-owner-"));
  shared = join(directory, "shared");
  volume = join(directory, "volume");
  home = join(volume, "home");
  await mkdir(join(shared, "database", "postgres"), { recursive: true });
  await mkdir(home, { recursive: true });
  await writeOwner(join(shared, "database"), home);
});
afterEach(() => rm(directory, { recursive: true }));

test("the database of a home that was deleted is removed", async () => {
  await rm(home, { recursive: true });
  await removeAbandoned(shared, silent);
  expect(await readdir(shared)).toEqual([]);
});

test("the database of a home that is there stays", async () => {
  await removeAbandoned(shared, silent);
  expect(await readOwner(join(shared, "database"))).toBe(home);
});

test("the database of a home whose file system is not mounted stays", async () => {
  // An unmounted volume leaves its empty mount point, or not even that.
  await rename(volume, `${volume}-elsewhere`);
  await removeAbandoned(shared, silent);
  expect(await readdir(shared)).toEqual(["database"]);
  await mkdir(volume);
  await removeAbandoned(shared, silent);
  expect(await readdir(shared)).toEqual(["database"]);
});

test("a database that does not say where its home was stays", async () => {
  await rm(join(shared, "database", "home-place"));
  await rm(home, { recursive: true });
  await removeAbandoned(shared, silent);
  expect(await readdir(shared)).toEqual(["database"]);
});

test("a file beside the databases stops nothing", async () => {
  await writeFile(join(shared, "note"), "");
  await rm(home, { recursive: true });
  await removeAbandoned(shared, silent);
  expect(await readdir(shared)).toEqual(["note"]);
});
