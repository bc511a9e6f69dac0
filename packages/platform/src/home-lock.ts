// One server per ATTUNE_HOME: a lock that a killed process cannot leave behind for ever.

import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { identifyProcess, isSameProcessAlive, type ProcessIdentity } from "./process-identity.js";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

/** Longer than anyone needs from reading a stale lock to moving it aside. */
const settleMs = 150;
const lockSchema = z.object({ pid: z.int(), startedAt: z.string() });

export interface HomeLock {
  release(): Promise<void>;
}

/** Throws HOME_IN_USE while the process that holds `path` lives; takes the lock over from a dead one. */
export async function acquireHomeLock(path: string): Promise<HomeLock> {
  const own = await identifyProcess(process.pid);
  if (own === undefined) throw new AppError("INTERNAL", "this process cannot identify itself");
  const mark = randomBytes(8).toString("hex");
  const candidate = `${path}.${mark}`;
  await writeFile(candidate, JSON.stringify({ ...own, mark }), { flag: "wx", mode: 0o644 });
  try {
    // A few rounds: between finding a stale lock and removing it another server may have been quicker.
    for (let round = 0; round < 5; round++) {
      // A hard link appears whole or not at all, and fails when the name is taken.
      if (await linkUnlessTaken(candidate, path)) {
        // One that judged the old lock stale may still move this new one aside, and a third slip in: look again once they are done.
        await sleep(settleMs);
        if (await holds(path, mark)) return { release: () => releaseLock(path, mark) };
      }
      const holder = await readHolder(path);
      if (holder !== undefined && (await isSameProcessAlive(holder))) {
        throw new AppError("HOME_IN_USE", `process ${holder.pid} runs with this directory (${path})`);
      }
      await removeStale(path, holder);
      await sleep(10 * round);
    }
    throw new AppError("HOME_IN_USE", `another process takes this directory at the same moment (${path})`);
  } finally {
    await rm(candidate, { force: true });
  }
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

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return lockSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    // Gone by now, or cut short by a power failure: either way nobody's.
    return undefined;
  }
}

async function removeStale(path: string, seen: ProcessIdentity | undefined): Promise<void> {
  const aside = `${path}.stale-${randomBytes(8).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = await readHolder(aside);
  // Not the one that was judged stale: it is a quicker server's new lock, so it goes back.
  if (moved !== undefined && (moved.pid !== seen?.pid || moved.startedAt !== seen.startedAt)) {
    await linkUnlessTaken(aside, path);
  }
  await rm(aside, { force: true });
}

async function releaseLock(path: string, mark: string): Promise<void> {
  if (await holds(path, mark)) await rm(path, { force: true });
}

async function holds(path: string, mark: string): Promise<boolean> {
  return (await readFile(path, "utf8").catch(() => "")).includes(mark);
}
