import type { Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { createAuthentication } from "./access/authentication.js";
import { createAppRouter, type RoutedServices } from "./app-router.js";
import type { ChunkStore } from "./content/chunk-store.js";
import { createSending } from "./content/sending.js";
import { createHttpServer, publicBodyLimitBytes } from "./http.js";
import { createAdminCheck } from "./platform/http/admin-token.js";
import { createCallBudget } from "./platform/http/call-budget.js";
import { defaultConnectionLimits } from "./platform/http/http-connections.js";

interface OpenOptions {
  readonly burst?: number;
  readonly trustedProxies?: string;
  readonly content?: ChunkStore;
  readonly now?: () => number;
}

const enrol = async ({ message }: { message: unknown }) => {
  switch (message) {
    case "used":
      throw new AppError("TOKEN_USED", "the token was used by another device");
    case "defect":
      throw new TypeError("internal detail");
    case "away":
      throw Object.assign(new Error("Invalid `prisma` invocation with values"), { code: "P1001" });
    default:
      return { enrolled: true };
  }
};

async function open(isHealthy = async () => true, { burst = 100, ...deps }: OpenOptions = {}) {
  const lines: string[] = [];
  const log = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const none = { maxBytes: 10, open: async () => undefined } as unknown as ChunkStore;
  const store = deps.content ?? none;
  const services = { devices: { enrol }, fleets: { listFleets: async () => [] } };
  const server = await createHttpServer({
    router: createAppRouter(services as unknown as RoutedServices),
    authentication: createAuthentication({
      isOwner: createAdminCheck("secret"),
      find: async () => null,
      now: () => 0,
    }),
    content: {
      chunkStore: store,
      manifests: none,
      sending: createSending({ max: 4, slowAfterMs: 1_000, now: () => 0 }),
    },
    connections: defaultConnectionLimits,
    metrics: async () => "attune_lease_held 1\n",
    callBudget: createCallBudget({ burst, perSecond: 0, now: () => 0 }),
    trustedProxies: deps.trustedProxies,
    ...(deps.now === undefined ? {} : { now: deps.now }),
    isHealthy,
    healthTimeoutMs: 50,
    logger,
  });
  const post = (message: unknown, headers: Record<string, string> = {}) =>
    server.inject({
      method: "POST",
      url: "/trpc/device.enrol",
      headers: { "content-type": "application/json", ...headers },
      payload: JSON.stringify({ message }),
    });
  return { server, post, lines };
}

test("an AppError arrives with its HTTP status, code and remedy", async () => {
  const { post } = await open();
  const reply = await post("used");
  expect(reply.statusCode).toBe(409);
  expect(reply.json().error).toMatchObject({
    message: "the token was used by another device",
    data: { httpStatus: 409, attune: { code: "TOKEN_USED", remedy: expect.stringContaining("token") } },
  });
});

test("of a defect the client learns only that there was one; the log has the rest, and no input", async () => {
  const { post, lines } = await open();
  const reply = await post("defect");
  expect(reply.statusCode).toBe(500);
  expect(reply.body).toContain("INTERNAL");
  expect(reply.body).not.toContain("internal detail");
  expect(lines.join("\n")).toContain("internal detail");
});

test("a database that is away is a fault that may be retried, without Prisma's words", async () => {
  const reply = await (await open()).post("away");
  expect(reply.statusCode).toBe(503);
  expect(reply.body).toContain("DATABASE_UNAVAILABLE");
  expect(reply.body).not.toContain("prisma");
});

test("bad input is named by field, and its value is not repeated", async () => {
  const { server } = await open();
  const reply = await server.inject({
    method: "POST",
    url: "/trpc/device.enrol",
    headers: { "content-type": "application/json" },
    payload: JSON.stringify({ message: {}, words: "what somebody said" }),
  });
  expect(reply.statusCode).toBe(400);
  expect(reply.json().error.data.attune.code).toBe("INVALID_INPUT");
  expect(reply.body).not.toContain("what somebody said");
});

test("a body beyond the limit, or of undeclared length, is refused unless the fleet manager sends it", async () => {
  const { post } = await open();
  const large = "x".repeat(publicBodyLimitBytes);
  expect((await post(large)).statusCode).toBe(400);
  expect((await post("small", { "transfer-encoding": "chunked" })).statusCode).toBe(400);
  expect((await post(large, { authorization: "Bearer secret" })).statusCode).toBe(200);
});

test("the fleet manager's calls need the token", async () => {
  const { server } = await open();
  expect((await server.inject("/trpc/fleet.list")).statusCode).toBe(401);
  const headers = { authorization: "Bearer secret" };
  expect((await server.inject({ url: "/trpc/fleet.list", headers })).statusCode).toBe(200);
  expect(
    (await server.inject({ url: "/trpc/fleet.list", headers: { authorization: "Bearer secre" } })).statusCode,
  ).toBe(401);
});

test("health follows the database and the bus; an unknown address is answered as such; no request is logged", async () => {
  const { server, lines } = await open(async () => false);
  expect((await server.inject("/healthz")).statusCode).toBe(503);
  expect((await server.inject("/nothing")).json().error.code).toBe("NOT_FOUND");
  expect(lines).toEqual([]);
});

test("a server without its parts is alive and not ready, and only a caller with a role reads its metrics", async () => {
  const { server } = await open(async () => false);
  const statusOf = async (url: string, headers = {}) => (await server.inject({ url, headers })).statusCode;
  expect([await statusOf("/livez"), await statusOf("/readyz"), await statusOf("/metrics")]).toEqual([200, 503, 401]);
  const reply = await server.inject({ url: "/metrics", headers: { authorization: "Bearer secret" } });
  expect([reply.headers["content-type"], reply.body]).toEqual([
    "text/plain; version=0.0.4; charset=utf-8",
    "attune_lease_held 1\n",
  ]);
});

test("health does not wait for a part that says nothing", async () => {
  const { server } = await open(() => new Promise(() => undefined));
  expect((await server.inject("/healthz")).statusCode).toBe(503);
});

test("the parts are looked at once, however many strangers ask for the health at once, and again a moment later", async () => {
  let looks = 0;
  let nowMs = 0;
  const look = async () => {
    looks++;
    return true;
  };
  const { server } = await open(look, { now: () => nowMs });
  const replies = await Promise.all(Array.from({ length: 50 }, () => server.inject("/healthz")));
  expect(replies.map((reply) => reply.statusCode)).toEqual(Array(50).fill(200));
  expect(looks).toBe(1);
  nowMs += 5_000;
  await server.inject("/healthz");
  expect(looks).toBe(2);
});

test("a stranger's large body is refused at every address, also at one that is not there", async () => {
  const { server } = await open();
  const payload = JSON.stringify({ a: "x".repeat(publicBodyLimitBytes) });
  for (const url of ["/nothing", "/healthz", "/v1/chunks/x", "/trpc/none"]) {
    const reply = await server.inject({
      method: "POST",
      url,
      headers: { "content-type": "application/json" },
      payload,
    });
    expect([url, reply.statusCode, reply.body]).toEqual([url, 400, expect.stringContaining(`${publicBodyLimitBytes}`)]);
  }
});

test("one request is one call: a batch is refused, and none of it is made", async () => {
  const { server } = await open();
  const reply = await server.inject({
    method: "POST",
    url: "/trpc/device.enrol,device.enrol?batch=1",
    headers: { "content-type": "application/json" },
    payload: JSON.stringify({ 0: { message: "used" }, 1: { message: "used" } }),
  });
  expect(reply.statusCode).toBe(400);
  expect(reply.body).not.toContain("TOKEN_USED");
});

test("calls that come to nothing are limited for an address; the fleet manager's and genuine ones are not", async () => {
  const { post } = await open(undefined, { burst: 3 });
  for (let i = 0; i < 10; i++) expect((await post("genuine")).statusCode).toBe(200);
  const admin = { authorization: "Bearer secret" };
  for (let i = 0; i < 10; i++) expect((await post("used", admin)).statusCode).toBe(409);
  const refused = [];
  for (let i = 0; i < 4; i++) refused.push((await post("used")).statusCode);
  expect(refused).toEqual([409, 409, 409, 429]);
  const reply = await post("genuine");
  expect(reply.json().error.data.attune).toMatchObject({ code: "TOO_MANY_REQUESTS" });
  expect((await post("genuine", admin)).statusCode).toBe(200);
});

test("guessed access tokens spend the budget of their address before anyone looks them up", async () => {
  const { server } = await open(undefined, { burst: 3 });
  const ask = async (authorization: string) =>
    (await server.inject({ url: "/trpc/fleet.list", headers: { authorization } })).statusCode;
  const guess = `Bearer attune-api.${"0".repeat(16)}.${"1".repeat(64)}`;
  // Each failed call spends once for the look and once for the refused call.
  expect([await ask(guess), await ask(guess), await ask(guess)]).toEqual([401, 429, 429]);
  expect(await ask("Bearer secret")).toBe(200);
});

test("a reason that is not one line of text is refused, and its words are not repeated", async () => {
  const { server } = await open();
  for (const reason of ["%E0%A4%A", encodeURIComponent("two\nlines"), "x".repeat(501)]) {
    const headers = { authorization: "Bearer secret", "attune-reason": reason };
    const reply = await server.inject({ url: "/trpc/fleet.list", headers });
    expect([reply.statusCode, reply.body.includes("two")]).toEqual([400, false]);
  }
});

test("a trusted proxy's word distinguishes addresses, and no other word does", async () => {
  const from = (address: string) => ({ "x-forwarded-for": address });
  const behindProxy = await open(undefined, { burst: 1, trustedProxies: "127.0.0.1, 10.0.0.0/8" });
  expect((await behindProxy.post("used", from("192.0.2.1"))).statusCode).toBe(409);
  expect((await behindProxy.post("used", from("192.0.2.1"))).statusCode).toBe(429);
  expect((await behindProxy.post("used", from("192.0.2.2"))).statusCode).toBe(409);
  const direct = await open(undefined, { burst: 1 });
  expect((await direct.post("used", from("192.0.2.1"))).statusCode).toBe(409);
  expect((await direct.post("used", from("192.0.2.2"))).statusCode).toBe(429);
});

test("a defect that strangers can repeat fills no log", async () => {
  const { post, lines } = await open(undefined, { burst: 10_000 });
  for (let i = 0; i < 300; i++) expect((await post("defect")).statusCode).toBe(500);
  expect(lines.length).toBeLessThan(50);
});

test("HEAD and a conditional GET of a content read nothing of it", async () => {
  const read = async () => {
    throw new Error("it was read");
  };
  const content = { maxBytes: 10, open: async () => ({ sizeBytes: 7, stream: read }) } as unknown as ChunkStore;
  const { server } = await open(undefined, { content });
  const sha256 = "a".repeat(64);
  const url = `/v1/chunks/${sha256}`;
  const head = await server.inject({ method: "HEAD", url });
  expect([head.statusCode, head.headers["content-length"]]).toEqual([200, "7"]);
  const known = await server.inject({ url, headers: { "if-none-match": `"${sha256}"` } });
  expect(known.statusCode).toBe(304);
});
