// The person's access to the agent: HTTP on 127.0.0.1 only, with a bearer token that only files of mode 0600 hold.
// No body is ever logged, and no error quotes a body.

import { createHash, timingSafeEqual } from "node:crypto";
import { errorReply, journalQuerySchema, maxRequestBytes, utteranceIdSchema } from "@attune/shared/contracts/local-api";
import { type LocalOperation, localOperations } from "@attune/shared/contracts/local-operations";
import { eventsPath, type LocalCall, openApiPath } from "@attune/shared/contracts/local-routes";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import { shortage } from "@attune/shared/system-fault";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { z } from "zod";
import type { Agent } from "../core/agent-api.js";
import type { Log } from "../core/ports.js";
import { parseJson } from "../core/storage/parse-json.js";
import { faultFields } from "./fault.js";
import { type EventPace, streamEvents, usualPace } from "./local-events.js";
import { addPageRoutes } from "./local-page.js";
import { createPageSessions } from "./page-sessions.js";

const host = "127.0.0.1";

const pathSchema = z.strictObject({ id: utteranceIdSchema });
/** `predictToken` marks the routes that take the token that may only predict, too. */
declare module "fastify" {
  interface FastifyContextConfig {
    readonly predictToken?: boolean;
  }
}

interface LocalTokens {
  readonly all: string;
  /** May only predict. */
  readonly predict: string;
}

interface LocalApiDeps {
  readonly agent: Agent;
  readonly tokens: LocalTokens;
  readonly log: Log;
  readonly pace?: EventPace;
}

/** The routes; `listenLocally` opens the socket. */
export function createLocalApi({ agent, tokens, log, pace = usualPace }: LocalApiDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: maxRequestBytes,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    const parsed = parseJson(body as Buffer);
    if (parsed.ok) done(null, parsed.value);
    else done(new AppError("INVALID_INPUT", "the body is not JSON in UTF-8"));
  });
  const sessions = createPageSessions(() => performance.now());
  app.addHook("onRequest", async (request) => {
    checkOrigin(request);
    const given = bearerOf(request);
    const { open, predictToken } = request.routeOptions.config;
    if (open !== true && !sessions.isOpen(given)) checkToken(given, tokens, predictToken === true);
  });
  app.setErrorHandler((error, _request, reply) => {
    const fault = replyFault(error);
    if (fault.code === "INTERNAL") log("error", "localApi.fault", faultFields(fault.cause));
    return reply.code(fault.httpStatus).send(errorReply(fault));
  });
  app.setNotFoundHandler((_request, reply) => {
    const fault = new AppError("NOT_FOUND", "there is no such route in the local API");
    return reply.code(fault.httpStatus).send(errorReply(fault));
  });
  addRoutes(app, agent);
  addPageRoutes(app, sessions);
  app.get(eventsPath, (request, reply) => streamEvents({ agent, log, pace }, request, reply));
  app.get(openApiPath, async () => (await import("./openapi.js")).openApiDocument());
  return app;
}

function addRoutes(app: FastifyInstance, agent: Agent): void {
  const idOf = (params: unknown) => parseInput(pathSchema, params, "path").id;
  const { predict, label, keep, entries, exportEntries, importEntry, learn, report, agree, letIn } = localOperations;
  const answers: Readonly<Record<LocalCall, (request: FastifyRequest) => Promise<unknown>>> = {
    predict: ({ body }) => agent.predict(parseInput(predict.body, body, "body")),
    label: ({ body, params }) => agent.label({ ...parseInput(label.body, body, "body"), id: idOf(params) }),
    forget: ({ params }) => agent.forget(idOf(params)),
    keep: ({ body, params }) => agent.keep({ ...parseInput(keep.body, body, "body"), id: idOf(params) }),
    entries: ({ body }) => agent.entries(parseInput(entries.body, body ?? {}, "body")),
    calendar: () => agent.calendar(),
    exportEntries: ({ body }) => agent.exportEntries(parseInput(exportEntries.body, body ?? {}, "body")),
    importEntry: ({ body }) => agent.importEntry(parseInput(importEntry.body, body, "body")),
    learn: ({ body }) => agent.learn(parseInput(learn.body, body ?? {}, "body")),
    status: () => agent.status(),
    journal: async ({ query }) => ({ entries: await agent.journal(parseInput(journalQuerySchema, query, "query")) }),
    report({ body }) {
      parseInput(report.body, body ?? {}, "body");
      return agent.report();
    },
    agree: ({ body }) => agent.agree(parseInput(agree.body, body, "body")),
    letIn({ body }) {
      parseInput(letIn.body, body ?? {}, "body");
      return agent.letIn();
    },
  };
  for (const [name, { method, path, predictToken = false }] of Object.entries<LocalOperation>(localOperations)) {
    // Within the handler's own promise, a refused input is a rejection like any other.
    const handler = async (request: FastifyRequest) => answers[name as LocalCall](request);
    app.route({ method, url: path, config: { predictToken }, handler });
  }
}

/** Binds to 127.0.0.1; port 0 takes a free one. Fails with PORT_IN_USE, naming the port and its variable. */
export async function listenLocally(app: FastifyInstance, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "EADDRINUSE" && code !== "EACCES") throw cause;
    throw new AppError("PORT_IN_USE", `port ${port} (ATTUNE_AGENT_PORT) cannot be opened on ${host}`, { cause });
  }
}

/**
 * No web page but the daemon's own must reach the agent. A name that resolves to 127.0.0.1 (DNS rebinding) is
 * refused, because the Host header then holds that name. Another page's form or script is refused, because it sends
 * another Origin.
 */
function checkOrigin(request: FastifyRequest): void {
  const port = request.socket.localPort;
  const allowed = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (request.headers.host === undefined || !allowed.includes(request.headers.host)) {
    throw new AppError("FORBIDDEN", "the Host header is not this agent's address");
  }
  const { origin, host: own } = request.headers;
  if (origin !== undefined && origin !== `http://${own}`) {
    throw new AppError("FORBIDDEN", "other web pages may not use the local API");
  }
}

function bearerOf({ headers }: FastifyRequest): string {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
}

function checkToken(given: string, tokens: LocalTokens, isPrediction: boolean): void {
  if (isEqual(given, tokens.all)) return;
  if (!isEqual(given, tokens.predict)) {
    throw new AppError(
      "UNAUTHORIZED",
      "the bearer token is missing or is not the one in <home>/local-token (or in <home>/predict-token, to predict)",
    );
  }
  if (isPrediction) return;
  throw new AppError("FORBIDDEN", "this token may only predict; every other call needs the one in <home>/local-token");
}

function isEqual(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function replyFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new AppError("INVALID_INPUT", `the body is larger than ${maxRequestBytes} bytes`, { cause: error });
  }
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return new AppError("INVALID_INPUT", "the content type is not application/json", { cause: error });
  }
  if (typeof statusCode === "number" && statusCode < 500) {
    return new AppError("INVALID_INPUT", "the request cannot be read", { cause: error });
  }
  return shortage(error) ?? new AppError("INTERNAL", "the agent failed to answer", { cause: error });
}
