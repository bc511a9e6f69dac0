// A server that listens on all addresses of its machine: devices get an address of NATS that they can reach.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLogger } from "@attune/platform/logger";
import { type App, createApp } from "@attune/server/app";
import { askServer } from "@attune/server/client/fleet-client";
import { parseEnv } from "@attune/server/env";
import { createUser } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enrolMessage, signEnrolment } from "./harness.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

const agentProgram = fileURLToPath(new URL("../../apps/edge-agent/bin/attune-agent.js", import.meta.url));
let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let app: App;
let ports: Record<string, number>;
let agent: ChildProcess | undefined;
const logged: string[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  const free = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const { PATH, NATS_SERVER_BIN } = process.env;
  const env = parseEnv({ ATTUNE_HOME: home.home, ATTUNE_HOST: "0.0.0.0", ...free, PATH, NATS_SERVER_BIN });
  app = await createApp({ env, logger: createLogger({ level: "debug", write: (line) => logged.push(line) }) });
  ports = JSON.parse(await readFile(home.portsFile, "utf8"));
  const adminToken = (await readFile(home.adminTokenFile, "utf8")).trim();
  await askServer({ httpUrl: app.httpUrl, adminToken }, (client) => client.fleet.create.mutate({ name: "home" }));
});

afterAll(async () => {
  if (agent !== undefined && agent.exitCode === null) {
    agent.kill();
    await once(agent, "exit");
  }
  await app?.stop();
  await home?.remove();
});

const httpUrl = (host: string) => `http://${host}:${ports.ATTUNE_HTTP_PORT}`;

async function createToken(): Promise<string> {
  const access = { httpUrl: app.httpUrl, adminToken: (await readFile(home.adminTokenFile, "utf8")).trim() };
  return askServer(access, async (client) => {
    return (await client.token.create.mutate({ fleet: "home", ttlMs: 60_000 })).token;
  });
}

test("a device reports to NATS at the address by which it enrolled", async () => {
  // 127.0.0.2 stands for an address of this machine that is not the one the server itself uses.
  const directory = join(home.home, "agent");
  const run = (...argv: string[]) =>
    promisify(execFile)(process.execPath, [agentProgram, ...argv, "--home", directory]);
  await run("enrol", "--server", httpUrl("127.0.0.2"), "--token", await createToken());
  agent = spawn(process.execPath, [agentProgram, "run", "--home", directory], { stdio: ["ignore", "pipe", "ignore"] });
  // The agent prints that it is ready.
  await once(agent.stdout!, "data");
  const status = async () => JSON.parse((await run("status", "--json")).stdout) as { connected: { nats: boolean } };
  await eventually(async () => expect((await status()).connected.nats).toBe(true), 60_000);
  expect(await peersOf(agent.pid as number)).toContain(`127.0.0.2:${ports.ATTUNE_NATS_PORT}`);
});

test.each([
  "",
  "-mallory",
  "mallory's host",
  "mallory@127.0.0.1:1",
  "mallory/path?query#part",
  "mallory:port",
  "mallory:999999",
  "[mallory::1",
  '"mallory","',
  "mallory%0d%0aset-cookie",
  "mallory\\u001b]0;title\u001b[2J",
  "mallory\u00ff\u202e\ud83d",
  "mallory\u0000",
  "-mallory\r\nhost: mallory.example",
  "mallory".repeat(300),
])("a Host header that is none (%j) tells a device nothing, is in no log and ends nothing", async (host) => {
  const key = createUser();
  const body = JSON.stringify(signEnrolment(key, enrolMessage(await createToken(), key, "0123456789abcdef")));
  const answer = await sendRaw(
    `POST /trpc/device.enrol HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\nconnection: close\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
  // The parser refuses the request, or the device enrols as if the header were absent.
  if (!/^HTTP\/1\.1 4(00|31) /.test(answer)) {
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(`"urls":["nats://127.0.0.1:${ports.ATTUNE_NATS_PORT}"]`);
  }
  expect(answer).not.toContain("mallory");
  expect(logged.join("")).not.toContain("mallory");
  expect((await fetch(`${httpUrl("127.0.0.1")}/healthz`)).status).toBe(200);
});

async function sendRaw(bytes: string): Promise<string> {
  const socket = connect(Number(ports.ATTUNE_HTTP_PORT), "127.0.0.1");
  socket.on("error", () => undefined).write(bytes, "latin1");
  return await text(socket);
}

/** The remote IPv4 addresses of a process's established connections. */
async function peersOf(pid: number): Promise<string[]> {
  const own = new Set(
    await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
    ),
  );
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n").slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => own.has(`socket:[${columns[9]}]`))
    .map(([, , remote = ""]) => {
      const [address = "", port = ""] = remote.split(":");
      const octets = address.match(/../g)?.reverse() ?? [];
      return `${octets.map((octet) => Number.parseInt(octet, 16)).join(".")}:${Number.parseInt(port, 16)}`;
    });
}
