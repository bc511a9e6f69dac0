// The commands' access to the running daemon, through its local API.

import { pageRoutes } from "@attune/shared/contracts/local-routes";
import { linkSchema } from "@attune/shared/contracts/page";
import { AppError } from "@attune/shared/errors";
import type { AskableAgent } from "../core/agent-api.js";
import { readJson } from "../transports/http-client.js";
import { type HomePaths, readLocalApi, readLocalToken } from "./home.js";
import { findDaemon } from "./home-lock.js";
import { createHttpClient } from "./http-client.js";
import { faultIn, type LocalRequest, localCalls } from "./local-calls.js";

const replyLimitBytes = 64 * 1024 * 1024;
/** Learning re-extracts nothing but may train for a while on a slow device. */
const idleTimeoutMs = 120_000;

/** The agent that runs in a home. Each call throws AGENT_NOT_RUNNING, or the AppError that the daemon answered with. */
export function daemonAgent(paths: HomePaths): AskableAgent {
  return localCalls((request) => send(paths, request));
}

/** A link that opens the page of the daemon once. Throws AGENT_NOT_RUNNING. */
export async function openPageLink(paths: HomePaths): Promise<string> {
  const { status, value } = await send(paths, { ...pageRoutes.openLink, body: "{}" });
  if (status !== 200) throw faultIn(status, value);
  return linkSchema.parse(value).url;
}

async function send(paths: HomePaths, { method, path, body }: LocalRequest) {
  const address = await readLocalApi(paths);
  if (address === undefined || (await findDaemon(paths.home)) === undefined) throw notRunning(paths);
  const token = await readLocalToken(paths.localToken);
  if (token === undefined) throw notRunning(paths);
  const client = createHttpClient({ idleTimeoutMs, keepAlive: false });
  try {
    const reply = await client.send({
      method,
      url: new URL(path, address.url),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
      limitBytes: replyLimitBytes,
    });
    return { status: reply.status, value: await readJson(reply) };
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SERVER_UNAVAILABLE") throw notRunning(paths, cause);
    throw cause;
  } finally {
    client.close();
  }
}

function notRunning(paths: HomePaths, cause?: unknown): AppError {
  return new AppError("AGENT_NOT_RUNNING", `no agent is running in ${paths.home}`, { cause });
}
