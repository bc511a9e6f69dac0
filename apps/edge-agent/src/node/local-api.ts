// The person's door to the agent: HTTP on 127.0.0.1 only, with a bearer token that only files of mode 0600 hold.
// No body is ever logged, and no error quotes one.

import { createHash, timingSafeEqual } from "node:crypto";
import { emotionLabelSchema } from "@attune/shared/contracts/dataset";
import { AppError } from "@attune/shared/errors";
import { shortage } from "@attune/shared/system-fault";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { z } from "zod";
import type { Agent } from "../core/agent-api.js";
import { parseJson } from "../core/parse-json.js";
import type { Log } from "../core/ports.js";
import { faultFields } from "./fault.js";
import { parseInput } from "@attune/shared/parse-input";

export const bodyLimitBytes = 16 * 1024;
const host = "127.0.0.1";

const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const textSchema = z.string().min(1).max(8_192);
const idParametersSchema = z.strictObject({ id: idSchema });
const predictionSchema = z.strictObject({ text: textSchema, id: idSchema.optional() });
const labelSchema = z.strictObject({
  text: textSchema,
  label: emotionLabelSchema,
  split: z.enum(["train", "holdout"]).optional(),
});
const learnSchema = z.strictObject({ report: z.boolean().optional() });
const journalSchema = z.strictObject({
  after: z.coerce.number().int().min(-1).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
});
const emptySchema = z.strictObject({});

export interface LocalApiDeps {
  readonly agent: Agent;
  readonly token: string;
  readonly log: Log;
}

/** The routes; `listenLocally` opens the socket. */
export function createLocalApi({ agent, token, log }: LocalApiDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
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
  app.addHook("onRequest", async (request) => {
    checkOrigin(request);
    checkToken(request, token);
  });
  app.setErrorHandler((error, _request, reply) => {
    const fault = toAppError(error);
    if (fault.code === "INTERNAL") log("error", "localApi.fault", faultFields(fault.cause));
    return reply.code(fault.httpStatus).send(errorBody(fault));
  });
  app.setNotFoundHandler((_request, reply) => {
    const fault = new AppError("NOT_FOUND", "there is no such route in the local API");
    return reply.code(fault.httpStatus).send(errorBody(fault));
  });
  addRoutes(app, agent);
  return app;
}

function addRoutes(app: FastifyInstance, agent: Agent): void {
  app.post("/v1/predictions", ({ body }) => agent.predict(parseInput(predictionSchema, body, "body")));
  app.put("/v1/utterances/:id", ({ body, params }) =>
    agent.label({
      ...parseInput(labelSchema, body, "body"),
      ...parseInput(idParametersSchema, params, "path"),
    }),
  );
  app.delete("/v1/utterances/:id", ({ params }) => agent.forget(parseInput(idParametersSchema, params, "path").id));
  app.post("/v1/learn", ({ body }) => agent.learn(parseInput(learnSchema, body ?? {}, "body")));
  app.get("/v1/status", () => agent.status());
  app.get("/v1/journal", async ({ query }) => ({
    entries: await agent.journal(parseInput(journalSchema, query, "query")),
  }));
  app.post("/v1/report", ({ body }) => {
    parseInput(emptySchema, body ?? {}, "body");
    return agent.report();
  });
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
 * A web page that the person visits must not reach the agent: neither by a name that resolves to 127.0.0.1 (DNS rebinding:
 * the Host header then holds that name) nor by a form or a script (those send an Origin).
 */
function checkOrigin(request: FastifyRequest): void {
  const port = request.socket.localPort;
  const allowed = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (request.headers.host === undefined || !allowed.includes(request.headers.host)) {
    throw new AppError("FORBIDDEN", "the Host header is not this agent's address");
  }
  if (request.headers.origin !== undefined) throw new AppError("FORBIDDEN", "web pages may not use the local API");
}

function checkToken(request: FastifyRequest, token: string): void {
  const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(given), digest(token))) {
    throw new AppError("UNAUTHORIZED", "the bearer token is missing or is not the one in <home>/local-token");
  }
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new AppError("INVALID_INPUT", `the body is larger than ${bodyLimitBytes} bytes`, { cause: error });
  }
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return new AppError("INVALID_INPUT", "the content type is not application/json", { cause: error });
  }
  if (typeof statusCode === "number" && statusCode < 500) {
    return new AppError("INVALID_INPUT", "the request cannot be read", { cause: error });
  }
  return shortage(error) ?? new AppError("INTERNAL", "the agent failed to answer", { cause: error });
}

function errorBody({ code, message, remedy }: AppError): { error: { code: string; message: string; remedy: string } } {
  return { error: { code, message, remedy } };
}
