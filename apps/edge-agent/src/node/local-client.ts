// The commands' way to the running daemon: its local API.

import { readFile } from "node:fs/promises";
import { AppError, isErrorCode } from "@attune/shared/errors";
import { z } from "zod";
import { isMissing } from "./durable-file.js";
import { type HomePaths, readLocalApi } from "./home.js";
import { findDaemon } from "./home-lock.js";
import { createHttpClient, readJson } from "./http-client.js";

export interface LocalRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
}

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const replyLimitBytes = 64 * 1024 * 1024;
/** Learning re-extracts nothing but may train for a while on a slow device. */
const idleTimeoutMs = 120_000;

/** The reply's JSON value. Throws AGENT_NOT_RUNNING, or the AppError that the daemon answered with. */
export async function callDaemon(paths: HomePaths, { method, path, body }: LocalRequest): Promise<unknown> {
  const address = await readLocalApi(paths);
  if (address === undefined || (await findDaemon(paths.home)) === undefined) throw notRunning(paths);
  const client = createHttpClient({ idleTimeoutMs, keepAlive: false });
  const token = await readToken(paths);
  try {
    const reply = await client.send({
      method,
      url: new URL(path, address.url),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      limitBytes: replyLimitBytes,
    });
    const value = await readJson(reply);
    if (reply.status >= 200 && reply.status < 300) return value;
    const failed = errorSchema.safeParse(value);
    if (!failed.success) throw new AppError("INTERNAL", `the agent answered with status ${reply.status}`);
    const { code, message } = failed.data.error;
    throw new AppError(isErrorCode(code) ? code : "INTERNAL", message);
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SERVER_UNAVAILABLE") throw notRunning(paths, cause);
    throw cause;
  } finally {
    client.close();
  }
}

async function readToken(paths: HomePaths): Promise<string> {
  try {
    return (await readFile(paths.localToken, "utf8")).trim();
  } catch (cause) {
    if (isMissing(cause)) throw notRunning(paths, cause);
    throw cause;
  }
}

function notRunning(paths: HomePaths, cause?: unknown): AppError {
  return new AppError("AGENT_NOT_RUNNING", `no agent is running in ${paths.home}`, { cause });
}
