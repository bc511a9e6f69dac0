// One daemon per home. The lock names its owner (process, its start time, the machine's boot), so that the lock of a killed
// process is recognised and taken over. A command that only looks holds it for a moment, and says so in it: whoever comes then waits.
// LevelDB's own lock stands behind it should two processes race for a stale one.

import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { directoryMode, fileMode, isMissing, mapDiskFull } from "./durable-file.js";

const ownerSchema = z.object({ pid: z.int().positive(), started: z.string(), brief: z.boolean().optional() });
type Owner = z.infer<typeof ownerSchema>;

/** Longer than anyone needs from reading a stale lock to moving it aside. */
const settleMs = 150;
/** Longer than a command holds the lock, an enrolment over a slow network apart. */
const briefMs = 10_000;

export interface HomeLock {
  release(): Promise<void>;
}

/** `brief`: for one command, not for a daemon. Throws HOME_IN_USE while a daemon holds the lock, or a command for longer than it should. */
export async function lockHome(home: string, { brief = false } = {}): Promise<HomeLock> {
  const path = join(home, "daemon.lock");
  const own = `${path}.${process.pid}`;
  const owner: Owner = { pid: process.pid, started: (await startOf(process.pid)) ?? "", ...(brief ? { brief } : {}) };
  const mark = JSON.stringify(owner);
  try {
    await mapDiskFull("lock", async () => {
      await mkdir(home, { recursive: true, mode: directoryMode });
      await writeFile(own, mark, { mode: fileMode });
    });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as { code?: unknown };
    throw new AppError("INVALID_CONFIGURATION", `--home ${home} cannot be used (${code})`, { cause });
  }
  const held: HomeLock = { release: () => releaseLock(path, mark) };
  const patienceEndsMs = performance.now() + briefMs;
  let unreadable = 0;
  let takeovers = 0;
  try {
    for (;;) {
      try {
        // A link appears whole or not at all: nobody ever reads a half-written lock.
        await link(own, path);
        // One that judged an old lock stale may still move this new one aside, and slip in: look again once they are done.
        if (takeovers === 0 && !(await isContested(home, own))) return held;
        await sleep(settleMs);
        if (await holds(path, mark)) return held;
        continue;
      } catch (cause) {
        if ((cause as { code?: unknown }).code !== "EEXIST") throw cause;
      }
      const holder = await readOwner(path);
      if (holder === "unreadable" && unreadable++ === 0) continue;
      if (holder !== undefined && holder !== "unreadable" && (await isAlive(holder))) {
        if (holder.brief !== true || performance.now() > patienceEndsMs) {
          throw new AppError("HOME_IN_USE", `${home} is in use by process ${holder.pid}`);
        }
        await sleep(settleMs);
        continue;
      }
      if (++takeovers > 8) throw new AppError("HOME_IN_USE", `${path} is taken again and again`);
      await rename(path, `${own}.stale`).catch((cause) => {
        if (!isMissing(cause)) throw cause;
      });
    }
  } finally {
    await rm(own, { force: true });
    await rm(`${own}.stale`, { force: true });
  }
}

/** Whether others want the lock: whoever does has a file of theirs beside it, from before they look until they are done. */
async function isContested(home: string, own: string): Promise<boolean> {
  return (await readdir(home)).some((name) => name.startsWith("daemon.lock.") && join(home, name) !== own);
}

/** Only one's own: a lock that another holds by now stays. */
async function releaseLock(path: string, mark: string): Promise<void> {
  if (await holds(path, mark)) await rm(path, { force: true });
}

async function holds(path: string, mark: string): Promise<boolean> {
  return (await readFile(path, "utf8").catch(() => "")) === mark;
}

/** The living daemon of this home, if there is one. */
export async function findDaemon(home: string): Promise<number | undefined> {
  const holder = await readOwner(join(home, "daemon.lock"));
  if (holder === undefined || holder === "unreadable" || holder.brief === true) return undefined;
  return (await isAlive(holder)) ? holder.pid : undefined;
}

async function readOwner(path: string): Promise<Owner | "unreadable" | undefined> {
  try {
    const parsed = ownerSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data : "unreadable";
  } catch (cause) {
    return isMissing(cause) ? undefined : "unreadable";
  }
}

async function isAlive({ pid, started }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ESRCH") return false;
  }
  const now = await startOf(pid);
  return now === undefined || started === "" || now === started;
}

/** When a process started, as "boot/ticks": a process id alone is given out again. Linux only; elsewhere undefined. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field, the name, may hold spaces and brackets; the 22nd is the start time.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
    return state === "Z" ? "gone" : `${boot}/${ticks}`;
  } catch {
    return undefined;
  }
}
