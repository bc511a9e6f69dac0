// A question that only reads: the running daemon answers it, or the device's directory where no daemon runs.

import { setTimeout as sleep } from "node:timers/promises";
import { demoContracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import type { AskableAgent } from "../../core/agent-api.js";
import { hasStore, readServer } from "../home.js";
import { findDaemon } from "../home-lock.js";
import { daemonAgent } from "../local-client.js";
import { createLogger } from "../logger.js";
import type { AgentContext } from "./context.js";

type Question<T> = (agent: AskableAgent) => Promise<T>;

/** Longer than a daemon takes from its lock to its local API, or from closing the local API to its end. */
const timeoutMs = 10_000;

/** Waits for a daemon that is starting or ending, which answers nothing and keeps its directory locked. */
export async function askAgent<T>(context: AgentContext, question: Question<T>): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await askOnce(context, question);
    } catch (cause) {
      const passing = cause instanceof AppError && ["AGENT_NOT_RUNNING", "HOME_IN_USE"].includes(cause.code);
      if (!passing || performance.now() > deadlineMs) throw cause;
      await sleep(100);
    }
  }
}

async function askOnce<T>({ env, paths }: AgentContext, question: Question<T>): Promise<T> {
  if ((await findDaemon(paths.home)) !== undefined) return await question(daemonAgent(paths));
  // Looking at a directory must not create a device in it.
  if (!hasStore(paths)) throw new AppError("NOT_ENROLLED", `no device is enrolled in ${paths.home}`);
  const { openAgent } = await import("../open-agent.js");
  // Nothing is sent: the agent is opened, asked and closed without being started. So it may know every version, and
  // describe a demonstration's home.
  const server = (await readServer(paths)) ?? "http://127.0.0.1";
  const { outboxLimit, threads } = env;
  const log = createLogger("error");
  const opened = await openAgent({ paths, server, outboxLimit, threads, log, contracts: demoContracts, brief: true });
  try {
    return await question(opened.agent);
  } finally {
    await opened.close();
  }
}
