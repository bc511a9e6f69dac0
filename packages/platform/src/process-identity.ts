// Identifies processes. Systems reuse pids, so a process is its pid, its start time and its command line.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Logger } from "./logger.js";

interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: differs between two processes that had the same pid. */
  readonly startedAt: string;
}

/** The identity of a live process; undefined where there is none (a zombie is none). */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform === "linux") {
    const stat = await readProcFile(pid, "stat");
    if (stat === undefined) return undefined;
    // The name (field 2) may hold spaces and parentheses; the fields after it do not. State is field 3,
    // start time field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    if (state === "Z" || state === "X") return undefined;
    const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
    return { pid, startedAt: `${bootId}:${fields[19]}` };
  }
  const startedAt = await askPs(pid, "lstart");
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isSameProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(identity.pid))?.startedAt === identity.startedAt;
}

/** Whether a live process was started with `argument` among its arguments. */
export async function wasStartedWith(pid: number, argument: string): Promise<boolean> {
  if (process.platform === "linux") {
    return (await readProcFile(pid, "cmdline"))?.split("\0").includes(argument) ?? false;
  }
  return (await askPs(pid, "command"))?.includes(argument) ?? false;
}

interface OrphanOptions {
  readonly name: string;
  /** The pid in a pid file; undefined without a pid file. */
  readonly pid: number | undefined;
  /** A path of ours among the orphan's arguments. A process without this path is a stranger and left alone. */
  readonly argument: string;
  readonly signal: "SIGINT" | "SIGTERM";
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** Stops a child that an earlier, killed server left running. */
export async function stopOrphan({ name, pid, argument, signal, timeoutMs, logger }: OrphanOptions): Promise<void> {
  if (pid === undefined || pid === process.pid) return;
  const identity = await identifyProcess(pid);
  if (identity === undefined || !(await wasStartedWith(pid, argument))) return;
  logger.info("orphan.stopping", { name, pid });
  if (await endProcess(identity, { signal, timeoutMs })) return;
  logger.warn("orphan.killed", { name, pid });
}

/** Resolves once the process is gone; false when it had to be killed. */
export async function endProcess(
  identity: ProcessIdentity,
  { signal, timeoutMs }: Pick<OrphanOptions, "signal" | "timeoutMs">,
): Promise<boolean> {
  send(identity.pid, signal);
  if (await exits(identity, timeoutMs)) return true;
  send(identity.pid, "SIGKILL");
  await exits(identity, 5_000);
  return false;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // The process has ended by itself in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function exits(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await isSameProcessAlive(identity)) {
    if (Date.now() > deadline) return false;
    await sleep(25);
  }
  return true;
}

async function readProcFile(pid: number, file: "stat" | "cmdline"): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}

async function askPs(pid: number, column: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", `${column}=`, "-p", String(pid)]);
    return stdout.trim() === "" ? undefined : stdout.trim();
  } catch {
    return undefined;
  }
}
