// The daemon: agent loop and local API in one process, until its signal aborts.

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";
import { AppError } from "@attune/shared/errors";
import type { Log } from "../core/ports.js";
import type { AgentEnv } from "./env.js";
import { type HomePaths, writeLocalApi } from "./home.js";
import { createLocalApi, listenLocally } from "./local-api.js";
import { type OpenedAgent, openAgent } from "./open-agent.js";
import { readOrCreateSecret } from "./secret-file.js";

interface DaemonOptions {
  readonly paths: HomePaths;
  readonly env: AgentEnv;
  readonly server: string;
  readonly log: Log;
  /** The versions of the egress contract that the agent knows; the product's without it. */
  readonly contracts?: EgressContracts | undefined;
  /** A token to enrol with first, where the device is not enrolled yet. */
  readonly token?: string | undefined;
  /** Aborts for a clean stop. */
  readonly signal: AbortSignal;
  /** Called at every start of an enrolled device, before anything is sent. */
  readonly onEnrolled: () => Promise<void>;
  /** Called once the local API listens. */
  readonly onReady: (ready: { url: string; pid: number }) => void;
}

/**
 * Resolves after a clean stop; rejects when the agent cannot run at all (NOT_ENROLLED, HOME_IN_USE, PORT_IN_USE, …).
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { paths, env, log, contracts, signal } = options;
  const opened = await openAgent({
    paths,
    server: options.server,
    natsUrl: env.natsUrl,
    outboxLimit: env.outboxLimit,
    threads: env.threads,
    log,
    contracts,
  });
  try {
    await enrolFirst(options, opened);
    await serve(options, opened);
  } finally {
    await opened.close();
    log("info", "daemon.stopped", { aborted: signal.aborted ? 1 : 0 });
  }
}

async function enrolFirst({ paths, token, signal, onEnrolled }: DaemonOptions, { agent }: OpenedAgent): Promise<void> {
  if ((await agent.status()).device === null) {
    if (token === undefined) throw new AppError("NOT_ENROLLED", `no device is enrolled in ${paths.home}`);
    await agent.enrol({ token, signal });
  }
  // Called here as well, because an earlier start may have been killed between the two.
  await onEnrolled();
}

async function serve({ paths, env, log, signal, onReady }: DaemonOptions, { agent }: OpenedAgent): Promise<void> {
  const tokens = { all: await readToken(paths.localToken), predict: await readToken(paths.predictToken) };
  const api = createLocalApi({ agent, tokens, log });
  try {
    const address = { url: await listenLocally(api, env.port), pid: process.pid };
    await writeLocalApi(paths, address);
    const { user, system } = process.cpuUsage();
    log("info", "daemon.ready", {
      pid: process.pid,
      uptimeMs: Math.round(process.uptime() * 1_000),
      cpuMs: Math.round((user + system) / 1_000),
    });
    onReady(address);
    await agent.start(signal);
  } finally {
    await api.close();
    await rm(paths.localApi, { force: true });
  }
}

async function readToken(path: string): Promise<string> {
  const token = await readOrCreateSecret(path, () => Buffer.from(randomBytes(32).toString("hex")));
  return Buffer.from(token).toString("utf8").trim();
}
