import { AppError } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { type AppServices, createAppRouter } from "./app-router.js";
import { createHttpServer, publicBodyLimitBytes } from "./http.js";
import { createAdminCheck } from "./platform/admin-token.js";
import type { Logger } from "./platform/logger.js";
import type { ChunkStore } from "./registry/chunk-store.js";

const enrol = async (message: unknown) => {
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

async function open(isHealthy = async () => true) {
  const lines: string[] = [];
  const log = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const none = { maximumBytes: 10, open: async () => undefined } as unknown as ChunkStore;
  const devices = { enrol, listFleets: async () => [] };
  const server = await createHttpServer({
    router: createAppRouter({ devices } as unknown as AppServices),
    isAdmin: createAdminCheck("secret"),
    content: { chunkStore: none, manifests: none },
    isHealthy,
    healthPatienceMs: 50,
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

test("a database that is away is a fault that may be tried again, without Prisma's words", async () => {
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

test("health does not wait for a part that says nothing", async () => {
  const { server } = await open(() => new Promise(() => undefined));
  expect((await server.inject("/healthz")).statusCode).toBe(503);
});
