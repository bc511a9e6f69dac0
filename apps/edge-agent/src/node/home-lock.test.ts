import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findDaemon, lockHome } from "./home-lock.js";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-lock-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

test("a home has one daemon at a time", async () => {
  const lock = await lockHome(home);
  await expect(lockHome(home)).rejects.toMatchObject({
    code: "HOME_IN_USE",
    message: expect.stringContaining(`${process.pid}`),
  });
  expect(await findDaemon(home)).toBe(process.pid);
  await lock.release();
  expect(await findDaemon(home)).toBeUndefined();
  await (await lockHome(home)).release();
  expect(await readdir(home)).toEqual([]);
});

test("a daemon, and a command, wait for a command that holds the lock for a moment; it counts as no daemon", async () => {
  const glance = await lockHome(home, { brief: true });
  expect(await findDaemon(home)).toBeUndefined();
  const daemon = lockHome(home);

  while ((await readdir(home)).length < 2) await new Promise(setImmediate);
  // The daemon's file lies there. The turns are enough for the daemon to look at the lock, too.
  for (let turn = 0; turn < 100; turn++) expect(await findDaemon(home)).toBeUndefined();
  await glance.release();
  const lock = await daemon;
  expect(await findDaemon(home)).toBe(process.pid);
  await expect(lockHome(home, { brief: true })).rejects.toMatchObject({ code: "HOME_IN_USE" });
  await lock.release();
  const first = await lockHome(home, { brief: true });
  const [second] = await Promise.all([lockHome(home, { brief: true }), first.release()]);
  await second.release();
  expect(await readdir(home)).toEqual([]);
});

test("the lock of a killed process is taken over", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const lock = await lockHome(home);
  const own = JSON.parse(await readFile(join(home, "daemon.lock"), "utf8")) as { started: string };
  await lock.release();
  await writeFile(join(home, "daemon.lock"), JSON.stringify({ pid: child.pid, started: "" }));
  await expect(lockHome(home)).rejects.toMatchObject({ code: "HOME_IN_USE" });
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await lockHome(home)).release();
  expect(own.started).not.toBe("");
});

test("one whose lock is moved aside by another that found the same dead daemon leaves the home to that one", async () => {
  const path = join(home, "daemon.lock");
  const rival = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await writeFile(path, JSON.stringify({ pid: process.pid, started: "another-boot/12345" }));
  const attempt = lockHome(home).then(
    () => "held",
    (cause: { code: string }) => cause.code,
  );
  while ((await findDaemon(home)) !== process.pid) await new Promise(setImmediate);
  const lockOfRival = JSON.stringify({ pid: rival.pid, started: "" });
  await writeFile(`${path}.rival`, lockOfRival);
  await rename(`${path}.rival`, path);
  expect(await attempt).toBe("HOME_IN_USE");
  expect(await readFile(path, "utf8")).toBe(lockOfRival);
  rival.kill("SIGKILL");
  await once(rival, "exit");
});

test("one that comes while others contend looks again too, and releasing takes away no other's lock", async () => {
  const path = join(home, "daemon.lock");
  await writeFile(`${path}.1`, "{}");
  const lock = await lockHome(home);
  const lockOfRival = JSON.stringify({ pid: 1, started: "" });
  await writeFile(path, lockOfRival);
  await lock.release();
  expect(await readFile(path, "utf8")).toBe(lockOfRival);
});

test("a process that got a dead daemon's number by chance does not hold its lock", async () => {
  await writeFile(join(home, "daemon.lock"), JSON.stringify({ pid: process.pid, started: "another-boot/12345" }));
  await (await lockHome(home)).release();
});

test("a home that cannot be a directory is named", async () => {
  await writeFile(join(home, "file"), "");
  for (const unusable of [join(home, "file"), join(home, "file", "inside")]) {
    await expect(lockHome(unusable)).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining(unusable),
    });
  }
});

test("a lock that cannot be read does not lock the home for ever", async () => {
  await writeFile(join(home, "daemon.lock"), "{");
  await (await lockHome(home)).release();
});
