// The server on a PostgreSQL and a nats-server that it did not start: DATABASE_URL, NATS_URL
// and a prepared configuration.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type App, createApp } from "@attune/server/app";
import { parseEnv } from "@attune/server/env";
import { startNats } from "@attune/server/platform/nats/nats";
import { createNatsCredentials } from "@attune/server/platform/nats/nats-credentials";
import { openNatsKeys } from "@attune/server/platform/nats/nats-keys";
import { openPorts } from "@attune/server/platform/ports";
import { type Postgres, startEmbeddedPostgres } from "@attune/server/platform/postgres/postgres";
import { inboxPrefix, reportStream, reportSubject } from "@attune/shared/subjects";
import { jetstream } from "@nats-io/jetstream";
import { jwtAuthenticator } from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import { choosePort, eventually, findTestNatsServer, makeTemporaryHome, testLogger } from "./temporary-home.js";

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let elsewhere: Awaited<ReturnType<typeof makeTemporaryHome>>;
let postgres: Postgres;
let nats: ChildProcess;
let natsUrl: string;
let app: App;

/** The path of the configuration, as `attune server` prints it. */
async function writeNatsConfig(...flags: string[]): Promise<string> {
  const lines: string[] = [];
  const io = { stdout: (line: string) => lines.push(line), stderr: () => {}, json: true, isTty: false };
  expect(await performAttune(["server", "--home", home.home, ...flags], io)).toBe(0);
  return JSON.parse(lines.join("")).configuration;
}

beforeAll(async () => {
  home = await makeTemporaryHome();
  elsewhere = await makeTemporaryHome();
  const choose = choosePort(elsewhere, "ATTUNE_POSTGRES_PORT");
  postgres = await startEmbeddedPostgres({ places: elsewhere, choosePort: choose, logger: testLogger });
  const ports = await openPorts(elsewhere.portsFile);
  const port = await ports.choose({ variable: "ATTUNE_NATS_PORT", configured: 0, host: "127.0.0.1", known: true });
  const directory = join(elsewhere.home, "own nats");
  const path = await writeNatsConfig("--write-nats-config", directory, "--nats-listen", `127.0.0.1:${port}`);
  // The configuration of an earlier release: nats-server gets the account that stores from the server itself.
  const keys = await openNatsKeys(home.keys);
  await rm(join(directory, "accounts", `${keys.storeAccount.getPublicKey()}.jwt`));
  // The operator gives it less room than the stream asks for at first, and smaller messages than the default.
  const text = await readFile(path, "utf8");
  expect(text).toContain("max_file_store: 1TB");
  await writeFile(path, `${text.replace("max_file_store: 1TB", "max_file_store: 300MB")}max_payload: 64KB\n`);
  natsUrl = `nats://127.0.0.1:${port}`;
  nats = spawn(await findTestNatsServer(), ["-c", path], { stdio: "ignore" });
  const variables = {
    ATTUNE_HOME: home.home,
    ATTUNE_HTTP_PORT: "0",
    DATABASE_URL: postgres.connectionString,
    NATS_URL: natsUrl,
    ATTUNE_PUBLIC_NATS_URL: "nats://fleet.example.org:4222",
  };
  app = await eventually(() => createApp({ env: parseEnv(variables), logger: testLogger }));
});

afterAll(async () => {
  await app?.stop();
  const exit = nats === undefined ? undefined : once(nats, "exit");
  nats?.kill();
  await exit;
  await postgres?.stop();
  await Promise.all([home?.remove(), elsewhere?.remove()]);
});

test("a nats-server of one's own listens on all addresses where --nats-listen does not say, and nowhere that is no address", async () => {
  const directory = join(elsewhere.home, "another");
  expect(await readFile(await writeNatsConfig("--write-nats-config", directory), "utf8")).toContain("0.0.0.0:4222");
  for (const listen of ["4222", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:"]) {
    await expect(writeNatsConfig("--write-nats-config", directory, "--nats-listen", listen)).rejects.toThrow(
      `--nats-listen ${listen} is not HOST:PORT`,
    );
  }
});

test("the server serves on both and starts neither", async () => {
  expect((await fetch(`${app.httpUrl}/healthz`)).status).toBe(200);
  expect(app.natsUrl).toBe(natsUrl);
  expect(app.pids()).toEqual({ postgres: undefined, nats: undefined });
});

test("a nats-server that does not trust this server's operator is refused, naming its address", async () => {
  const fault = await startNats({
    places: elsewhere,
    logger: testLogger,
    now: Date.now,
    externalUrl: natsUrl,
    listenHost: "127.0.0.1",
    choosePort: async () => 0,
    findProgram: findTestNatsServer,
  }).catch((error: Error) => error);
  expect(fault).toMatchObject({ code: "NATS_UNAVAILABLE", message: expect.stringContaining(natsUrl) });
});

test("devices are let in by the keys that were prepared, and their reports are stored", async () => {
  const keys = await openNatsKeys(home.keys);
  const none = () => undefined;
  const credentials = await createNatsCredentials({
    keys,
    directory: home.keys,
    now: Date.now,
    systemConnection: none,
    logger: testLogger,
  });
  const key = createUser();
  const device = "c".repeat(32);
  const input = { nkeyPublic: key.getPublicKey(), fleet: "home", device, lifeMs: 60_000 };
  const jwt = await credentials.createDeviceJwt(input);
  const authenticator = jwtAuthenticator(jwt, key.getSeed());
  const connection = await connect({ servers: natsUrl, authenticator, inboxPrefix: inboxPrefix(device) });
  await eventually(async () => {
    const { stream } = await jetstream(connection).publish(reportSubject("home", device), "{}");
    expect(stream).toBe(reportStream);
  });
  await connection.close();
});

test("revocations beyond the broker's max_payload are kept, with what to do about it", async () => {
  const own = await startNats({
    places: home,
    logger: testLogger,
    now: Date.now,
    externalUrl: natsUrl,
    listenHost: "127.0.0.1",
    choosePort: async () => 0,
    findProgram: findTestNatsServer,
  });
  const many = Array.from({ length: 1_000 }, (_, i) => `U${String(i).padStart(55, "A")}`);
  try {
    await expect(own.credentials.revoke({ revoked: many })).rejects.toThrow("max_payload of 65536 bytes");
    expect(await readFile(join(home.keys, "nats-account.jwt"), "utf8")).toBe(own.credentials.account().jwt);
    await own.credentials.revoke({ revoked: many, expired: many });
  } finally {
    await own.stop();
  }
});
