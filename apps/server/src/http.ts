// The server's HTTP surface: tRPC, the bytes of releases, and a health check.

import type { IncomingMessage } from "node:http";
import { errorFields, type Logger } from "@attune/platform/logger";
import { manifestVersionHeader } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import { type FastifyTRPCPluginOptions, fastifyTRPCPlugin } from "@trpc/server/adapters/fastify";
import fastify, { type FastifyInstance, LogController } from "fastify";
import type { Authentication } from "./access/authentication.js";
import type { AppRouter } from "./app-router.js";
import { readReason, reasonHeader } from "./callers/reason.js";
import { assertMay, type Caller } from "./callers/roles.js";
import { type ChunkRoutesDeps, registerChunkRoutes } from "./content/chunk-routes.js";
import { expositionContentType } from "./metrics/exposition.js";
import { type BrokerProxyLimits, defaultBrokerProxyLimits, registerBrokerProxy } from "./platform/http/broker-proxy.js";
import type { CallBudget } from "./platform/http/call-budget.js";
import { asFastifyLogger } from "./platform/http/fastify-logger.js";
import { createHealth, type HealthDeps } from "./platform/http/health.js";
import { type ConnectionLimits, createGuardedServer } from "./platform/http/http-connections.js";
import { limitRepeats } from "./platform/http/limited-log.js";
import { registerPageRoutes } from "./platform/http/page-routes.js";
import { type RequestContext, toAppError } from "./trpc.js";

/** The largest body that a device or a stranger may send. Every message of the contract is far smaller. */
export const publicBodyLimitBytes = 16 * 1024;
/** The fleet manager's calls are larger: a publication lists every chunk of an extractor. */
const adminBodyLimitBytes = 4 * 1024 * 1024;
const closeTimeoutMs = 3_000;

interface HttpDeps extends Omit<HealthDeps, "now"> {
  readonly router: AppRouter;
  readonly authentication: Authentication;
  readonly content: Omit<ChunkRoutesDeps, "assertMayStore">;
  readonly connections: ConnectionLimits;
  /** The text of the metrics, for a caller who may look. */
  readonly metrics: () => Promise<string>;
  readonly callBudget: CallBudget;
  /** The broker's WebSocket address, for agents in browsers. */
  readonly brokerUrl?: string | undefined;
  readonly brokerLimits?: BrokerProxyLimits;
  /**
   * The proxies whose word on a client's address is taken: addresses and networks, separated by
   * commas; none by default.
   */
  readonly trustedProxies?: string | undefined;
  readonly logger: Logger;
  readonly now?: () => number;
}

export interface HttpServer {
  listen(host: string, port: number): Promise<void>;
  /** Answers the requests under way, then closes. Requests that take longer than a moment are cut off. */
  close(): Promise<void>;
  /** For tests without a socket. */
  readonly inject: FastifyInstance["inject"];
}

export async function createHttpServer(deps: HttpDeps): Promise<HttpServer> {
  const { now = () => performance.now() } = deps;
  const logger = limitRepeats(deps.logger, now);
  const server = fastify({
    serverFactory: (handler) => createGuardedServer(handler, deps.connections),
    trustProxy: deps.trustedProxies ?? false,
    loggerInstance: asFastifyLogger(logger),
    // Neither the body nor the address of a request is logged.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: adminBodyLimitBytes,
    routerOptions: { maxParamLength: 2_048 },
    forceCloseConnections: "idle",
  });
  server.setErrorHandler((error, _request, reply) => sendError(reply, toHttpFault(error), logger));
  server.setNotFoundHandler((_request, reply) =>
    sendError(reply, new AppError("NOT_FOUND", "there is nothing at this address"), logger),
  );
  const callers = signIn(server, deps);
  refuseBadRequests(server, callers);
  registerProbes(server, { ...deps, callers, now });
  registerPageRoutes(server);
  registerBrokerProxy(server, { url: deps.brokerUrl, limits: deps.brokerLimits ?? defaultBrokerProxyLimits });
  await registerChunkRoutes(server, {
    ...deps.content,
    assertMayStore: ({ raw }) => assertMay(callers.get(raw), "manager"),
  });
  await server.register((scope) => registerProcedures(scope, { ...deps, callers, logger }));

  return {
    listen: (host, port) => listen(server, host, port),
    close: async () => {
      const cutOff = setTimeout(() => server.server.closeAllConnections(), closeTimeoutMs);
      await server.close();
      clearTimeout(cutOff);
    },
    inject: server.inject.bind(server) as FastifyInstance["inject"],
  };
}

type ProbeDeps = HealthDeps & Pick<HttpDeps, "metrics"> & { readonly callers: Callers };

/** /livez: the process answers. /readyz, and /healthz from before: the database and the broker answer it, too. */
function registerProbes(server: Pick<FastifyInstance, "get">, { metrics, callers, ...deps }: ProbeDeps): void {
  server.get("/livez", async (_request, reply) => reply.header("cache-control", "no-store").send({ alive: true }));
  const health = createHealth(deps);
  for (const path of ["/readyz", "/healthz"]) {
    server.get(path, async (_request, reply) => {
      const healthy = await health();
      return reply
        .status(healthy ? 200 : 503)
        .header("cache-control", "no-store")
        .send({ healthy });
    });
  }
  server.get("/metrics", async ({ raw }, reply) => {
    assertMay(callers.get(raw), "viewer");
    const text = await metrics();
    return reply.header("cache-control", "no-store").type(expositionContentType).send(text);
  });
}

type Callers = Pick<WeakMap<IncomingMessage, Caller>, "get">;

/** Finds the caller of each request first. A guessed token spends the budget of its address, as a failed call does. */
function signIn(
  server: Pick<FastifyInstance, "addHook">,
  { authentication, callBudget }: Pick<HttpDeps, "authentication" | "callBudget">,
): Callers {
  const callers = new WeakMap<IncomingMessage, Caller>();
  server.addHook("onRequest", async ({ raw, ip, headers: { authorization } }) => {
    const isCounted = authentication.needsLook(authorization);
    if (isCounted && !callBudget.take(ip)) {
      throw new AppError("TOO_MANY_REQUESTS", "too many failed calls came from this address");
    }
    const caller = await authentication.callerOf(authorization);
    if (caller === undefined) return;
    callers.set(raw, caller);
    if (isCounted) callBudget.giveBack(ip);
  });
  return callers;
}

/** Refuses large bodies of strangers, and Host headers that are none, for every path, including unknown paths. */
function refuseBadRequests(server: Pick<FastifyInstance, "addHook">, callers: Callers): void {
  server.addHook("onRequest", async ({ raw, headers }, reply) => {
    if (callers.get(raw) !== undefined || isSmall(headers)) return;
    // The body is not received, so the connection closes: no byte of the body may be taken for a request.
    reply.header("connection", "close");
    if (headers.authorization !== undefined) {
      throw new AppError("UNAUTHORIZED", "this is neither the fleet's admin token nor a valid access token");
    }
    const limit = `${publicBodyLimitBytes} bytes`;
    throw new AppError("INVALID_INPUT", `the body is larger than ${limit}, or of undeclared length`);
  });
  server.addHook("onRequest", async ({ headers: { host } }) => {
    if (!isHost(host)) throw new AppError("INVALID_INPUT", "the Host header is no name or address of a host");
  });
}

async function registerProcedures(
  scope: Pick<FastifyInstance, "register">,
  { router, callBudget, callers, logger }: HttpDeps & { readonly callers: Callers },
): Promise<void> {
  const trpcOptions: FastifyTRPCPluginOptions<AppRouter>["trpcOptions"] = {
    router,
    // A batch would put dozens of calls into one request. No client of ours sends batches.
    allowBatching: false,
    createContext: ({ req }): RequestContext => ({
      caller: callers.get(req.raw),
      reason: reasonOf(req.headers[reasonHeader]),
      host: req.host,
      manifestVersion: manifestVersionOf(req.headers[manifestVersionHeader]),
      budget: { take: () => callBudget.take(req.ip), giveBack: () => callBudget.giveBack(req.ip) },
    }),
    onError: ({ error, path }) => {
      const fault = toAppError(error);
      const fields = { path: path ?? "", ...errorFields(fault) };
      if (fault.code === "INTERNAL") logger.error("trpc.failed", { ...fields, ...errorFields(fault.cause) });
      else logger.debug("trpc.refused", fields);
    },
  };
  await scope.register(fastifyTRPCPlugin, { prefix: "/trpc", trpcOptions });
}

async function listen(server: Pick<FastifyInstance, "listen">, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new AppError("PORT_IN_USE", `port ${port} on ${host} (ATTUNE_HTTP_PORT) is in use`, { cause });
  }
}

function manifestVersionOf(header: string | string[] | undefined): number {
  return typeof header === "string" && /^[1-9][0-9]{0,2}$/.test(header) ? Number(header) : 1;
}

/** Percent-encoded, because headers take no other letters than Latin ones. */
function reasonOf(header: string | string[] | undefined): string | null {
  if (typeof header !== "string" || header === "") return null;
  let text: string;
  try {
    text = decodeURIComponent(header);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `the header ${reasonHeader} is no percent-encoded text`, { cause });
  }
  return readReason(text);
}

/** A body without a declared length is not small: its size would be known only after it was received. */
function isSmall(headers: {
  "content-length"?: string | undefined;
  "transfer-encoding"?: string | undefined;
}): boolean {
  const declared = Number(headers["content-length"] ?? 0);
  return headers["transfer-encoding"] === undefined && declared <= publicBodyLimitBytes;
}

function toHttpFault(error: unknown): AppError {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (!(error instanceof AppError) && typeof status === "number" && status >= 400 && status < 500) {
    return new AppError("INVALID_INPUT", "the request cannot be read", { cause: error });
  }
  return toAppError(error);
}

/**
 * Whether a Host header is a host and nothing more. tRPC makes a URL of the header, and the log would
 * quote a malformed URL.
 */
function isHost(host: string | undefined): boolean {
  if (host === undefined || host === "") return true;
  const url = `http://${host}`;
  return URL.canParse(url) && new URL(url).href === `http://${new URL(url).host}/`;
}

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: object): unknown;
}

function sendError(reply: Reply, fault: AppError, logger: Logger): unknown {
  if (fault.code === "INTERNAL") logger.error("http.failed", errorFields(fault.cause));
  const body = { error: { code: fault.code, message: fault.message, remedy: fault.remedy } };
  return reply.status(fault.httpStatus).header("cache-control", "no-store").send(body);
}
