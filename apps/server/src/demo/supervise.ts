// Keeps a child process running: starts it again when it dies, gives up when it cannot start, stops it when told to.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@attune/shared/errors";

export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  /** Rejects when the process keeps failing at its start; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  readonly name: string;
  /** The script to run with this same Node, and its arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly onRestart?: (name: string) => void;
  /** The longest pause before another start; default 4,000. */
  readonly maximumPauseMs?: number;
  /** How long it may take to stop before it is killed; default 15,000. */
  readonly stopGraceMs?: number;
}

/** A process that dies sooner than this after its start did not get going. */
const startMs = 3_000;
const maximumFailedStarts = 8;

export function supervise(options: SuperviseOptions): Supervised {
  let child: ChildProcess | undefined;
  let stopping = false;
  const wake = new AbortController();

  const failed = (async (): Promise<never> => {
    for (let failedStarts = 0; !stopping; ) {
      const startedAt = performance.now();
      child = start(options);
      await exitOf(child);
      if (stopping) break;
      failedStarts = performance.now() - startedAt < startMs ? failedStarts + 1 : 0;
      if (failedStarts === maximumFailedStarts) throw startFailure(options);
      options.onRestart?.(options.name);
      await sleep(Math.min(options.maximumPauseMs ?? 4_000, 250 * 2 ** failedStarts), undefined, {
        signal: wake.signal,
      }).catch(() => undefined);
    }
    return new Promise<never>(() => undefined);
  })();
  // Whoever started it decides when to look.
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
      const killer = setTimeout(() => child?.kill("SIGKILL"), options.stopGraceMs ?? 15_000);
      await exited;
      clearTimeout(killer);
    },
  };
}

function start({ argv, env, logFile }: SuperviseOptions): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  try {
    // The channel tells the child when this process is gone: it then stops by itself, also after a kill -9 of this one.
    // A session of its own keeps a terminal's Ctrl-C from it: this process stops its children in order.
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

function startFailure({ name, logFile }: SuperviseOptions): AppError {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-3).join(" | ");
  return new AppError("INTERNAL", `${name} does not start; its log ${logFile} ends with: ${lines}`);
}
