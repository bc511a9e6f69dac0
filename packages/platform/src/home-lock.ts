// Admits one process to a home. The lock file names its holder (process, its start, the machine's boot), so that a
// killed process cannot keep the home for ever. A command that only looks marks its lock as brief, and other
// processes wait for it.

import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { diskFault, isMissing, namingDiskFaults } from "./disk-fault.js";
import { readTextFile } from "./durable-file.js";
import { identifyProcess } from "./process-identity.js";

/** Longer than a process needs from reading a stale lock to moving it aside. */
const settleMs = 150;
/** Longer than a command holds the lock, except for an enrolment over a slow network. */
const briefMs = 10_000;
const maxTakeovers = 8;

/**
 * The start has two names: earlier servers know "boot:ticks" as `startedAt`, earlier agents "boot/ticks" as `started`.
 */
const recordSchema = z
  .object({
    pid: z.int().positive(),
    startedAt: z.string().optional(),
    started: z.string().optional(),
    brief: z.boolean().optional(),
    mark: z.string().optional(),
  })
  .refine(({ startedAt, started }) => (startedAt ?? started) !== undefined);
type LockRecord = z.infer<typeof recordSchema>;

export interface HomeLock {
  release(): Promise<void>;
}

/**
 * Takes the lock at `path`, also from a dead process. `brief` marks the lock of a command, not of a daemon. Throws
 * HOME_IN_USE while the process that holds `path` lives, or a command holds it for too long.
 */
export async function acquireHomeLock(path: string, { brief = false } = {}): Promise<HomeLock> {
  const mark = randomBytes(8).toString("hex");
  const candidate = `${path}.${mark}`;
  await namingDiskFaults(path, async () => {
    const content = JSON.stringify({ ...(await describeSelf()), ...(brief ? { brief } : {}), mark });
    await writeFile(candidate, content, { flag: "wx", mode: 0o600 });
  });
  const lock: HomeLock = { release: () => releaseLock(path, mark) };
  const deadlineMs = performance.now() + briefMs;
  try {
    for (let takeovers = 0; takeovers <= maxTakeovers; ) {
      // A hard link appears whole or not at all, and fails when the name is taken.
      if (await linkUnlessTaken(candidate, path)) {
        if (takeovers === 0 && !(await isContested(path, candidate))) return lock;
        // A process that judged an old lock stale may still move this new lock aside and take its place. Look again
        // once it is done.
        await sleep(settleMs);
        if (await holds(path, mark)) return lock;
        continue;
      }
      const holder = await readHolder(path);
      if (holder !== undefined && (await isAlive(holder))) {
        if (holder.brief !== true || performance.now() > deadlineMs) {
          throw new AppError("HOME_IN_USE", `process ${holder.pid} runs with this directory (${path})`);
        }
        await sleep(settleMs);
        continue;
      }
      takeovers++;
      await removeStale(path, holder);
    }
    throw new AppError("HOME_IN_USE", `other processes take ${path} again and again`);
  } catch (cause) {
    await lock.release().catch(() => undefined);
    throw diskFault(path, cause) ?? cause;
  } finally {
    await rm(candidate, { force: true }).catch(() => undefined);
  }
}

/** The living process that holds the lock for longer than a command does, if there is one. */
export async function findHomeHolder(path: string): Promise<number | undefined> {
  const holder = await readHolder(path);
  return holder !== undefined && holder.brief !== true && (await isAlive(holder)) ? holder.pid : undefined;
}

async function describeSelf(): Promise<LockRecord> {
  const startedAt = (await identifyProcess(process.pid))?.startedAt ?? "";
  return { pid: process.pid, startedAt, started: startedAt.replace(":", "/") };
}

async function isAlive({ pid, startedAt, started = "" }: LockRecord): Promise<boolean> {
  const wanted = startedAt ?? started.replace("/", ":");
  const found = await identifyProcess(pid);
  if (found !== undefined) return wanted === "" || found.startedAt === wanted;
  // A system that shows no process, not even this one, shows only whether the number is taken.
  return (await identifyProcess(process.pid)) === undefined && isRunning(pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * Whether other processes want the lock. Each of them keeps a file beside it, from before it looks until it is done.
 */
async function isContested(path: string, candidate: string): Promise<boolean> {
  const beside = (await readdir(dirname(path))).filter((name) => name.startsWith(`${basename(path)}.`));
  return beside.some((name) => join(dirname(path), name) !== candidate);
}

async function linkUnlessTaken(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined where the lock is gone by now, or was cut short by a power failure: then no process holds it. */
async function readHolder(path: string): Promise<LockRecord | undefined> {
  const text = await readTextFile(path);
  try {
    return text === undefined ? undefined : recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function removeStale(path: string, seen: LockRecord | undefined): Promise<void> {
  const aside = `${path}.stale-${randomBytes(8).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch (cause) {
    if (isMissing(cause)) return;
    throw cause;
  }
  const moved = await readHolder(aside);
  // The moved lock is not the stale one but a quicker process's new lock, so it is put back.
  if (moved !== undefined && JSON.stringify(moved) !== JSON.stringify(seen)) await linkUnlessTaken(aside, path);
  await rm(aside, { force: true });
}

/** Removes only this process's own lock: a lock that another process holds by now stays. */
async function releaseLock(path: string, mark: string): Promise<void> {
  if (await holds(path, mark)) await rm(path, { force: true });
}

async function holds(path: string, mark: string): Promise<boolean> {
  return (await readFile(path, "utf8").catch(() => "")).includes(mark);
}
