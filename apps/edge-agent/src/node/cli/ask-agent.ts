// A question that only reads: answered by the running daemon, or from the device's directory when none runs.

import { AppError } from "@attune/shared/errors";
import type { Agent } from "../../core/agent-api.js";
import { hasStore, readServer } from "../home.js";
import { findDaemon } from "../home-lock.js";
import { callDaemon, type LocalRequest } from "../local-client.js";
import { createLogger } from "../logger.js";
import type { CommandInput } from "./command.js";

export interface Question {
  readonly online: LocalRequest;
  readonly offline: (agent: Agent) => Promise<unknown>;
}

export async function askAgent({ env, paths }: CommandInput, { online, offline }: Question): Promise<unknown> {
  if ((await findDaemon(paths.home)) !== undefined) return await callDaemon(paths, online);
  // Looking at a directory must not create a device in it.
  if (!hasStore(paths)) throw new AppError("NOT_ENROLLED", `no device is enrolled in ${paths.home}`);
  const { openAgent } = await import("../open-agent.js");
  // Nothing is sent: the agent is opened, asked and closed without being started.
  const server = (await readServer(paths)) ?? "http://127.0.0.1";
  const { outboxLimit, threads } = env;
  const opened = await openAgent({ paths, server, outboxLimit, threads, log: createLogger("error"), brief: true });
  try {
    return await offline(opened.agent);
  } finally {
    await opened.close();
  }
}
