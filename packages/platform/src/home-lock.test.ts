import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireHomeLock } from "./home-lock.js";
import { identifyProcess } from "./process-identity.js";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-lock-"));
  path = join(directory, "server.lock");
});
afterEach(() => rm(directory, { recursive: true }));

test("a held lock is refused by naming the process, a released one is free and leaves no file", async () => {
  const lock = await acquireHomeLock(path);
  await expect(acquireHomeLock(path)).rejects.toMatchObject({
    code: "HOME_IN_USE",
    message: expect.stringContaining(`process ${process.pid} `),
  });
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
  await (await acquireHomeLock(path)).release();
});

test.each([
  ["a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "x" })],
  ["a process whose number another one has now", JSON.stringify({ pid: process.pid, startedAt: "earlier" })],
  ["a file cut short by a power failure", '{"pid":1'],
  ["an empty file", ""],
])("a lock left by %s is taken over", async (_who, content) => {
  await writeFile(path, content);
  const lock = await acquireHomeLock(path);
  const own = await identifyProcess(process.pid);
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ ...own });
  await lock.release();
});

test("of many that find a stale lock at the same moment, one gets it", async () => {
  await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "x" }));
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquireHomeLock(path)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await readdir(directory)).toEqual(["server.lock"]);
});

test("a lock that an earlier server or agent holds is respected, and they read this one", async () => {
  const own = (await identifyProcess(process.pid))!;
  const ofServer = { pid: own.pid, startedAt: own.startedAt };
  const ofAgent = { pid: own.pid, started: own.startedAt.replace(":", "/") };
  for (const earlier of [ofServer, ofAgent]) {
    await writeFile(path, JSON.stringify(earlier));
    await expect(acquireHomeLock(path)).rejects.toMatchObject({ code: "HOME_IN_USE" });
  }
  await rm(path);
  const lock = await acquireHomeLock(path);
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ ...ofServer, ...ofAgent });
  await lock.release();
});
