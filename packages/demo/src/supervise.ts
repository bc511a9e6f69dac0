// Keeps a child process running: restarts it when it dies, gives up when it cannot start, and stops it on request. A
// child that a killed supervisor left behind ends before its successor starts.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endProcess, identifyProcess, isSameProcessAlive } from "@attune/platform/process-identity";
import { backoffMs } from "@attune/shared/backoff";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { reportedFault } from "./reported-fault.js";

export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  /** Rejects when the process keeps failing at its start, or fails once by a fault of configuration; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

interface SuperviseOptions {
  readonly name: string;
  /** The script, which runs with this same Node, and its arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Stores the child's process id for the supervisor that follows a killed one. */
  readonly pidFile: string;
  readonly onRestart?: (name: string) => void;
  /** The longest pause before a restart; default 4,000. */
  readonly maxPauseMs?: number;
  /** How long the process may take to stop before it is killed; default 15,000. */
  readonly stopGraceMs?: number;
}

/** A process that dies sooner than this after its start counts as a failed start. */
const startMs = 3_000;
const maxFailedStarts = 8;
const defaultStopGraceMs = 15_000;

export function supervise(options: SuperviseOptions): Supervised {
  let child: ChildProcess | undefined;
  let stopping = false;
  const wake = new AbortController();

  const failed = (async (): Promise<never> => {
    await endPredecessor(options);
    for (let failedStarts = 0; !stopping; ) {
      const startedAt = performance.now();
      const logBytes = statSync(options.logFile, { throwIfNoEntry: false })?.size ?? 0;
      child = start(options);
      const exited = exitOf(child);
      await remember(child, options.pidFile);
      await exited;
      if (stopping) break;
      const fault = reportedFault(readFileSync(options.logFile).subarray(logBytes).toString("utf8"));
      if (fault?.isConfiguration) throw fault;
      failedStarts = performance.now() - startedAt < startMs ? failedStarts + 1 : 0;
      if (failedStarts === maxFailedStarts) throw startFailure(options, fault);
      options.onRestart?.(options.name);
      const range = { minMs: 250, maxMs: options.maxPauseMs ?? 4_000 };
      await sleep(backoffMs(failedStarts + 1, range), undefined, { signal: wake.signal }).catch(() => undefined);
    }
    return new Promise<never>(() => undefined);
  })();
  // The caller decides when to look at `failed`.
  failed.catch(() => undefined);

  return {
    name: options.name,
    pid: () => child?.pid,
    failed,
    async stop() {
      stopping = true;
      wake.abort();
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exited = exitOf(child);
      child.kill("SIGTERM");
      const killer = setTimeout(() => child?.kill("SIGKILL"), options.stopGraceMs ?? defaultStopGraceMs);
      await exited;
      clearTimeout(killer);
      rmSync(options.pidFile, { force: true });
    },
  };
}

function start({ argv, env, logFile }: SuperviseOptions): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  try {
    // The channel closes when this process dies, even by kill -9, and the child then stops by itself. A session of its
    // own keeps a terminal's Ctrl-C from the child: this process stops its children in order.
    return spawn(process.execPath, argv, { env, stdio: ["ignore", log, log, "ipc"], detached: true });
  } finally {
    closeSync(log);
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

const identitySchema = z.object({ pid: z.int(), startedAt: z.string() });

async function remember({ pid }: ChildProcess, pidFile: string): Promise<void> {
  const identity = pid === undefined ? undefined : await identifyProcess(pid);
  if (identity === undefined) return;
  try {
    writeFileSync(pidFile, JSON.stringify(identity), { mode: 0o600 });
  } catch {
    // On a full disk the child still ends with its channel, but the next start does not wait for that.
  }
}

async function endPredecessor({ pidFile, stopGraceMs }: SuperviseOptions): Promise<void> {
  const identity = identitySchema.safeParse(readRemembered(pidFile)).data;
  if (identity === undefined || !(await isSameProcessAlive(identity))) return;
  await endProcess(identity, { signal: "SIGTERM", timeoutMs: stopGraceMs ?? defaultStopGraceMs });
}

function readRemembered(pidFile: string): unknown {
  try {
    return JSON.parse(readFileSync(pidFile, "utf8"));
  } catch {
    return undefined;
  }
}

function startFailure({ name, logFile }: SuperviseOptions, fault: AppError | undefined): AppError {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-3).join(" | ");
  return new AppError(fault?.code ?? "INTERNAL", `${name} does not start; its log ${logFile} ends with: ${lines}`);
}
