// `attune server` as a process: one JSON object on standard output, a clean end, and a start after kill -9.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { identifyProcess } from "@attune/platform/process-identity";
import { afterEach, beforeAll, expect, test } from "vitest";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

const program = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  return () => home.remove();
});

afterEach(async () => {
  await Promise.all(children.splice(0).map(stop));
});

interface Ready {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly pid: number;
}

async function startServer(): Promise<{ child: ChildProcess; ready: Ready; stdout: () => string }> {
  const child = spawn(process.execPath, [program, "server", "--json"], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
      ATTUNE_HOME: home.home,
      ATTUNE_HTTP_PORT: "0",
      ATTUNE_NATS_PORT: "0",
      ATTUNE_POSTGRES_PORT: "0",
    },
    stdio: ["ignore", "pipe", process.env.ATTUNE_TEST_LOG === "debug" ? "inherit" : "ignore"],
  });
  children.push(child);
  let stdout = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const ready = await eventually(async () => JSON.parse(stdout) as Ready, 60_000);
  return { child, ready, stdout: () => stdout };
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  return (await exit)[0] as number | null;
}

async function pidOf(file: string): Promise<number> {
  return Number((await readFile(join(home.server, file), "utf8")).split("\n")[0]);
}

const childPids = () => Promise.all([pidOf("postgres/postmaster.pid"), pidOf("nats/nats-server.pid")]);
const aliveCount = async (pids: number[]) =>
  (await Promise.all(pids.map(identifyProcess))).filter((identity) => identity !== undefined).length;

test("SIGTERM ends it with exit code 0 within seconds, its children with it, and stdout held one JSON object", async () => {
  const { child, ready, stdout } = await startServer();
  expect((await fetch(`${ready.httpUrl}/healthz`)).status).toBe(200);
  const pids = await childPids();
  const startedAtMs = Date.now();
  expect(await stop(child)).toBe(0);
  expect(Date.now() - startedAtMs).toBeLessThan(10_000);
  expect(await aliveCount(pids)).toBe(0);
  expect(Object.keys(JSON.parse(stdout()))).toEqual(["httpUrl", "natsUrl", "pid"]);
});

test("killed with SIGKILL it is started again on the same addresses: the orphans are stopped, the lock is taken over", async () => {
  const first = await startServer();
  const orphans = await childPids();
  const exit = once(first.child, "exit");
  first.child.kill("SIGKILL");
  await exit;
  expect(await aliveCount(orphans)).toBe(2);
  const second = await startServer();
  expect(second.ready.httpUrl).toBe(first.ready.httpUrl);
  expect(second.ready.natsUrl).toBe(first.ready.natsUrl);
  expect(await aliveCount(orphans)).toBe(0);
  expect((await fetch(`${second.ready.httpUrl}/healthz`)).status).toBe(200);
});
