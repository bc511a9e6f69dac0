// Lanes compute tasks in this thread, or in several threads that each open the same experiments and receive the
// keys of their tasks.

import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { AppError, isErrorCode } from "@attune/shared/errors";
import type { Finding, Task } from "../workbench/outcome.js";
import type { ExperimentOptions, ExperimentRequest } from "./options.js";

/** Computes one task at a time. */
export interface Lane {
  compute(task: Task, report: (fraction: number) => void): Promise<Finding> | Finding;
  /** Stops the current computation. */
  close(): Promise<void>;
}

export const thisThread: Lane = {
  compute: (task, report) => task.compute(report),
  close: async () => {},
};

/** A thread's message: the share of its task that is done, its finding, or its error. */
export type ThreadMessage =
  | { readonly fraction: number }
  | { readonly finding: Finding }
  | { readonly fault: { readonly code?: string; readonly message: string; readonly stack?: string } };

/** A thread runs the built file, also under a tool that runs sources. */
const threadFile = fileURLToPath(new URL("../../../dist/experiments/run/task-thread.js", import.meta.url));

interface Pending {
  readonly report: (fraction: number) => void;
  readonly resolve: (finding: Finding) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The thread makes the same tasks from the same options, and finds a task by its key. A thread that died is replaced.
 */
export function openThread({ progress: _, onWarning: __, ...request }: ExperimentOptions): Lane {
  let worker: Worker | undefined;
  let pending: Pending | undefined;
  function start(): Worker {
    const started = new Worker(threadFile, { workerData: request satisfies ExperimentRequest, execArgv: [] });
    const fail = (error: Error) => {
      if (worker !== started) return;
      worker = undefined;
      pending?.reject(error);
    };
    started.on("message", (message: ThreadMessage) => {
      if ("fraction" in message) pending?.report(message.fraction);
      else if ("finding" in message) pending?.resolve(message.finding);
      else pending?.reject(faultOf(message.fault));
    });
    started.on("error", fail);
    started.on("exit", () => fail(new Error("a thread ended before its task")));
    return started;
  }
  return {
    compute: ({ key }, report) =>
      new Promise((resolve, reject) => {
        pending = { report, resolve, reject };
        worker ??= start();
        worker.postMessage(key);
      }),
    close: async () => void (await worker?.terminate()),
  };
}

function faultOf({ code, message, stack }: Extract<ThreadMessage, { fault: unknown }>["fault"]): Error {
  const error =
    code !== undefined && isErrorCode(code) ? new AppError(code, message) : Object.assign(new Error(message), { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}
