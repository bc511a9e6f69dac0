// Keeps a child process running: waits until it is ready, restarts it when it dies, and stops it on request. The demo
// has a supervision of its own (packages/demo/src/supervise.ts). Its children are programs of this product on Node:
// they end with their parent by a channel, and name their own fault. PostgreSQL and nats-server know neither channel
// nor fault. A server needs them ready, probed and restarted for ever, whereas a demo gives up after a few starts.

import { type ChildProcess, spawn } from "node:child_process";
import { open, rename, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errorFields, type Logger } from "@attune/platform/logger";
import { backoffMs } from "@attune/shared/backoff";
import { AppError, type ErrorCode } from "@attune/shared/errors";
import { withDeadline } from "./deadline.js";
import { limitFault } from "./system-limits.js";

const logLimitBytes = 8 * 1024 * 1024;
const restartPauses = { minMs: 100, maxMs: 5_000 };
/** A child that ran this long had started well, so its next end starts the back-off anew. */
const stableMs = 30_000;

export interface SupervisedOptions {
  readonly name: string;
  /** The code of the fault when the first start fails. */
  readonly code: ErrorCode;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Another user to run as, which only root can choose. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The file for the child's output. A pipe would break under the child when the server is killed. */
  readonly logFile: string;
  /** Clears the remains of a dead predecessor; runs before every start. */
  readonly prepare: () => Promise<void>;
  /** Resolves once the child answers; called repeatedly until then or until `readyTimeoutMs` has passed. */
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
  /** Ends, and so restarts, a child that runs without answering. Absent where the child's end is the only sign. */
  readonly probe?: ProbeOptions | undefined;
  readonly stopSignal: "SIGINT" | "SIGTERM";
  readonly stopTimeoutMs: number;
  readonly logger: Logger;
}

interface ProbeOptions {
  readonly isAlive: () => Promise<boolean>;
  readonly intervalMs: number;
  /** The number of successive probes that must fail. */
  readonly failures: number;
}

export interface SupervisedProcess {
  pid(): number | undefined;
  /** Ends the child and the supervision; resolves when the child is gone. */
  stop(): Promise<void>;
}

interface Running {
  readonly child: ChildProcess;
  /** The offset at which this child's part of the log file begins. */
  readonly logStart: number;
  readonly exited: Promise<string>;
  hasExited(): boolean;
}

/** Resolves when the child is ready for the first time; throws when it ends or hangs before that. */
export async function startSupervised(options: SupervisedOptions): Promise<SupervisedProcess> {
  const { name, logger } = options;
  const stopping = new AbortController();
  let running = await startOnce(options);
  const supervision = keepRunning();

  async function keepRunning(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startedAtMs = performance.now();
      void endWhenSilent(running, options, stopping.signal);
      const end = await running.exited;
      if (stopping.signal.aborted) return;
      logger.warn("child.exited", { name, end });
      if (performance.now() - startedAtMs > stableMs) failures = 0;
      for (;;) {
        failures++;
        await sleep(backoffMs(failures, restartPauses), undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return;
        try {
          running = await startOnce(options, stopping.signal);
          logger.info("child.restarted", { name, pid: running.child.pid });
          break;
        } catch (error) {
          if (stopping.signal.aborted) return;
          logger.error("child.restart.failed", { name, ...errorFields(error) });
        }
      }
    }
  }

  return {
    pid: () => (running.hasExited() ? undefined : running.child.pid),
    async stop() {
      stopping.abort();
      // The running child ends first, then the loop: a start that the loop may be in then ends by itself.
      await end(running, options);
      await supervision;
      await end(running, options);
    },
  };
}

/** Returns when the child has ended, by itself or by this function. */
async function endWhenSilent(running: Running, options: SupervisedOptions, stopping: AbortSignal): Promise<void> {
  const { name, probe, logger } = options;
  if (probe === undefined) return;
  const ended = new AbortController();
  void running.exited.then(() => ended.abort());
  const signal = AbortSignal.any([stopping, ended.signal]);
  for (let failures = 0; ; ) {
    await sleep(probe.intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    failures = (await probe.isAlive()) ? 0 : failures + 1;
    if (signal.aborted) return;
    if (failures < probe.failures) continue;
    logger.error("child.silent", { name, pid: running.child.pid, failures });
    await end(running, options);
    return;
  }
}

async function startOnce(options: SupervisedOptions, signal?: AbortSignal): Promise<Running> {
  await options.prepare();
  const running = await launch(options);
  const deadline = performance.now() + options.readyTimeoutMs;
  for (;;) {
    if (running.hasExited()) {
      const tail = await tailOf(options.logFile, running.logStart);
      const limit = limitFault(options.name, tail);
      if (limit !== undefined) throw limit;
      throw new AppError(options.code, `${options.name} ended while starting (${await running.exited}): ${tail}`);
    }
    if (await options.isReady()) return running;
    if (signal?.aborted || performance.now() > deadline) {
      await end(running, options);
      throw new AppError(options.code, `${options.name} did not become ready within ${options.readyTimeoutMs} ms`);
    }
    await sleep(25);
  }
}

async function launch({ command, args, cwd, env, user, logFile }: SupervisedOptions): Promise<Running> {
  if (((await stat(logFile).catch(() => undefined))?.size ?? 0) > logLimitBytes)
    await rename(logFile, `${logFile}.old`);
  const log = await open(logFile, "a", 0o600);
  try {
    const { size: logStart } = await log.stat();
    // The child has a session of its own: Ctrl-C in the terminal reaches the server alone, which then stops
    // its children in order.
    const child = spawn(command, args, {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      ...(user === undefined ? {} : user),
    });
    let hasExited = false;
    const exited = new Promise<string>((resolve) => {
      const finish = (how: string) => {
        hasExited = true;
        resolve(how);
      };
      child.once("error", (error) => finish(error.message));
      child.once("exit", (code, signal) => finish(signal === null ? `exit code ${code}` : signal));
    });
    return { child, logStart, exited, hasExited: () => hasExited };
  } finally {
    await log.close();
  }
}

async function end(running: Running, { name, stopSignal, stopTimeoutMs, logger }: SupervisedOptions): Promise<void> {
  if (running.hasExited()) return;
  running.child.kill(stopSignal);
  const exited = running.exited.then(() => true);
  if (await withDeadline(exited, stopTimeoutMs, () => false)) return;
  logger.warn("child.killing", { name, pid: running.child.pid });
  running.child.kill("SIGKILL");
  await running.exited;
}

/** The last lines that the child wrote, which show why it did not start. */
async function tailOf(logFile: string, start: number): Promise<string> {
  const log = await open(logFile, "r");
  try {
    const { size } = await log.stat();
    const length = Math.min(size - start, 1_000);
    const { buffer } = await log.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString("utf8").trim().split("\n").slice(-4).join(" | ");
  } finally {
    await log.close();
  }
}
