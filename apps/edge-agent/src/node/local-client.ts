// The commands' access to the running daemon, through its local API.

import { readFile } from "node:fs/promises";
import { isMissing } from "@attune/platform/disk-fault";
import {
  agentStatusSchema,
  agreedSchema,
  calendarSchema,
  entriesSchema,
  errorOf,
  errorReplySchema,
  forgottenSchema,
  journalPageSchema,
  keptSchema,
  labelledSchema,
  learnedSchema,
  letInSchema,
  predictionSchema,
  reportedSchema,
} from "@attune/shared/contracts/local-api";
import { type LocalCall, localRoutes, pageRoutes } from "@attune/shared/contracts/local-routes";
import { linkSchema } from "@attune/shared/contracts/page";
import { AppError } from "@attune/shared/errors";
import type { z } from "zod";
import type { AskableAgent } from "../core/agent-api.js";
import { readJson } from "../transports/http-client.js";
import { type HomePaths, readLocalApi } from "./home.js";
import { findDaemon } from "./home-lock.js";
import { createHttpClient } from "./http-client.js";

const replyLimitBytes = 64 * 1024 * 1024;
/** Learning re-extracts nothing but may train for a while on a slow device. */
const idleTimeoutMs = 120_000;

interface Request {
  /** The id in the route's path. */
  readonly id?: string;
  readonly query?: Readonly<Record<string, number | undefined>>;
  readonly body?: unknown;
}

/** The agent that runs in a home. Each call throws AGENT_NOT_RUNNING, or the AppError that the daemon answered with. */
export function daemonAgent(paths: HomePaths): AskableAgent {
  async function ask<T>(call: LocalCall, reply: z.ZodType<T>, request: Request = {}): Promise<T> {
    const parsed = reply.safeParse(await send(paths, localRoutes[call], request));
    if (parsed.success) return parsed.data;
    const field = parsed.error.issues[0]?.path.join(".") || "(whole)";
    throw new AppError(
      "CONFLICT",
      `the agent in ${paths.home} is of another version than this command (its answer differs at ${field}); stop the agent and start it again`,
    );
  }
  return {
    predict: (body) => ask("predict", predictionSchema, { body }),
    label: ({ id, ...body }) => ask("label", labelledSchema, { id, body }),
    forget: (id) => ask("forget", forgottenSchema, { id }),
    keep: ({ id, ...body }) => ask("keep", keptSchema, { id, body }),
    entries: (body = {}) => ask("entries", entriesSchema, { body }),
    calendar: () => ask("calendar", calendarSchema),
    learn: (body = {}) => ask("learn", learnedSchema, { body }),
    status: () => ask("status", agentStatusSchema),
    journal: async (query = {}) => (await ask("journal", journalPageSchema, { query: { ...query } })).entries,
    report: () => ask("report", reportedSchema),
    agree: (body) => ask("agree", agreedSchema, { body }),
    letIn: () => ask("letIn", letInSchema),
  };
}

/** A link that opens the page of the daemon once. Throws AGENT_NOT_RUNNING. */
export async function openPageLink(paths: HomePaths): Promise<string> {
  return linkSchema.parse(await send(paths, pageRoutes.openLink, { body: {} })).url;
}

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `:id` stands for the request's id. */
  readonly path: string;
}

/** The reply's JSON value. */
async function send(paths: HomePaths, route: Route, request: Request): Promise<unknown> {
  const address = await readLocalApi(paths);
  if (address === undefined || (await findDaemon(paths.home)) === undefined) throw notRunning(paths);
  const client = createHttpClient({ idleTimeoutMs, keepAlive: false });
  const token = await readToken(paths);
  try {
    const { body } = request;
    const reply = await client.send({
      method: route.method,
      url: new URL(addressOf(route, request), address.url),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      limitBytes: replyLimitBytes,
    });
    const value = await readJson(reply);
    if (reply.status >= 200 && reply.status < 300) return value;
    const failed = errorReplySchema.safeParse(value);
    if (!failed.success) throw new AppError("INTERNAL", `the agent answered with status ${reply.status}`);
    throw errorOf(failed.data.error);
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "SERVER_UNAVAILABLE") throw notRunning(paths, cause);
    throw cause;
  } finally {
    client.close();
  }
}

function addressOf(route: Route, { id = "", query = {} }: Request): string {
  const path = route.path.replace(":id", encodeURIComponent(id));
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return given.length === 0 ? path : `${path}?${given.join("&")}`;
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
