// The composed server with the real PostgreSQL and nats-server: the state it keeps, the kills it survives,
// the requests it refuses.

import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createLogger } from "@attune/platform/logger";
import { type App, type AppOptions, createApp } from "@attune/server/app";
import { parseEnv } from "@attune/server/env";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeUnlessLacking, lackOfRoot } from "../requirements.js";
import { eventually, makeTemporaryHome, testLogger } from "./temporary-home.js";

const anyPorts = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
const apps: App[] = [];

// All tests share one home: each test finds the state that the test before left, as a restarted server does.
beforeAll(async () => {
  home = await makeTemporaryHome();
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.stop()));
});

afterAll(() => home.remove());

async function start(variables: Record<string, string> = {}, options: Partial<AppOptions> = {}): Promise<App> {
  const env = parseEnv({
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
    ATTUNE_HOME: home.home,
    ...anyPorts,
    ...variables,
  });
  const app = await createApp({ env, logger: testLogger, ...options });
  apps.push(app);
  return app;
}

/** Makes a call as the fleet manager. */
async function call(app: App, procedure: string, input?: object, tokenFile = home.adminTokenFile): Promise<Response> {
  const token = (await readFile(tokenFile, "utf8")).trim();
  const body = input === undefined ? {} : { method: "POST", body: JSON.stringify(input) };
  return fetch(`${app.httpUrl}/trpc/${procedure}`, {
    ...body,
    headers: {
      authorization: `Bearer ${token}`,
      ...(input === undefined ? {} : { "content-type": "application/json" }),
    },
  });
}

async function fleetNames(app: App, tokenFile?: string): Promise<string[]> {
  const response = await call(app, "fleet.list", undefined, tokenFile);
  if (!response.ok) throw new Error(`fleet.list: ${response.status}`);
  const { result } = (await response.json()) as { result: { data: { name: string }[] } };
  return result.data.map(({ name }) => name);
}

test("a restart keeps data, addresses and the admin token; the second start applies no migration", async () => {
  const first = await start();
  expect((await call(first, "fleet.create", { name: "home" })).status).toBe(200);
  await first.stop();
  await expect(fetch(`${first.httpUrl}/healthz`)).rejects.toThrow();
  const second = await start();
  expect(second.httpUrl).toBe(first.httpUrl);
  expect(second.natsUrl).toBe(first.natsUrl);
  expect(await fleetNames(second)).toEqual(["home"]);
  const ready = JSON.parse(await readFile(home.readyFile, "utf8"));
  expect(ready).toEqual({ httpUrl: second.httpUrl, natsUrl: second.natsUrl, pid: process.pid });
});

test("PostgreSQL and nats-server killed with SIGKILL come back, and the server with them", async () => {
  const app = await start();
  const before = app.pids();
  process.kill(before.postgres!, "SIGKILL");
  process.kill(before.nats!, "SIGKILL");
  await eventually(async () => {
    const now = app.pids();
    expect(now.postgres).not.toBe(before.postgres);
    expect(now.nats).not.toBe(before.nats);
    expect((await fetch(`${app.httpUrl}/healthz`)).status).toBe(200);
    expect((await fetch(`${app.httpUrl}/readyz`)).status).toBe(200);
    expect(await fleetNames(app)).toEqual(["home"]);
  });
});

test("while PostgreSQL is away a call is refused as one that may be retried, without its values", async () => {
  const app = await start();
  process.kill(app.pids().postgres!, "SIGKILL");
  await expect.poll(() => app.pids().postgres).toBeUndefined();
  const response = await call(app, "fleet.create", { name: "secret-name" });
  expect(response.status).toBe(503);
  const text = await response.text();
  expect(text).toContain("DATABASE_UNAVAILABLE");
  expect(text).not.toContain("secret-name");
});

describe("a start is refused", () => {
  test("while another server has the directory", async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: "HOME_IN_USE" });
  });

  test.each(["ATTUNE_HTTP_PORT", "ATTUNE_NATS_PORT", "ATTUNE_POSTGRES_PORT"])(
    "when the port of %s is in use, naming both, with everything stopped again",
    async (variable) => {
      const blocker = createServer();
      const port = await new Promise<number>((resolve) => {
        blocker.listen(0, "127.0.0.1", () => resolve((blocker.address() as { port: number }).port));
      });
      try {
        const fault = await start({ [variable]: String(port) }).catch((error: Error) => error);
        expect(fault).toMatchObject({ code: "PORT_IN_USE" });
        expect((fault as Error).message).toContain(`port ${port} `);
        expect((fault as Error).message).toContain(variable);
      } finally {
        await new Promise((resolve) => blocker.close(resolve));
      }
      // No process or file of the failed start blocks the next start.
      await start({ [variable]: String(port) });
    },
  );

  test("when nats-server is not there, with the remedy", async () => {
    const binary = join(home.home, "missing");
    await expect(start({ NATS_SERVER_BIN: binary })).rejects.toMatchObject({
      code: "NATS_MISSING",
      message: expect.stringContaining(binary),
      remedy: expect.stringContaining("NATS_SERVER_BIN"),
    });
  });

  test("when ATTUNE_HOME cannot be a directory, naming it", async () => {
    await expect(start({ ATTUNE_HOME: home.portsFile })).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining("ports.json"),
    });
  });

  test("when DATABASE_URL does not answer, without the password in the message", async () => {
    const fault = (await start({ DATABASE_URL: "postgresql://me:hunter2@127.0.0.1:1/x" }).catch(
      (error) => error,
    )) as Error;
    expect(fault).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(fault.message).toContain("127.0.0.1:1");
    expect(fault.message).not.toContain("hunter2");
  });
});

test("a start that is interrupted stops what it had started", async () => {
  const interruption = new AbortController();
  const abortAtBroker = (line: string) => line.includes('"event":"nats.ready"') && interruption.abort();
  const logger = createLogger({ level: "info", write: abortAtBroker });
  await expect(start({}, { logger, signal: interruption.signal })).rejects.toThrow();
  expect(interruption.signal.aborted).toBe(true);
  const app = await start();
  expect((await fetch(`${app.httpUrl}/healthz`)).status).toBe(200);
});

describeUnlessLacking("started by root in a directory that nobody else can enter", lackOfRoot(), () => {
  test("the database is kept elsewhere and found again", async () => {
    const closed = join(home.home, "closed");
    await mkdir(closed, { mode: 0o700 });
    const variables = { ATTUNE_HOME: join(closed, "home") };
    const token = join(closed, "home", "server", "admin-token");
    const first = await start(variables);
    await call(first, "fleet.create", { name: "closed" }, token);
    await first.stop();
    expect(await fleetNames(await start(variables), token)).toEqual(["closed"]);
  });
});
