import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@attune/platform/logger";
import { identifyProcess, stopOrphan } from "@attune/platform/process-identity";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SupervisedOptions, type SupervisedProcess, startSupervised } from "./process-supervision.js";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let directory: string;
const supervised: SupervisedProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-child-"));
});
afterEach(async () => {
  await Promise.all(supervised.splice(0).map((child) => child.stop()));
  await rm(directory, { recursive: true });
});

async function start(script: string, changes: Partial<SupervisedOptions> = {}): Promise<SupervisedProcess> {
  const child = await startSupervised({
    name: "child",
    code: "NATS_UNAVAILABLE",
    command: process.execPath,
    args: ["-e", script],
    cwd: "/",
    env: {},
    logFile: join(directory, "child.log"),
    prepare: async () => undefined,
    isReady: async () => (await readFile(join(directory, "child.log"), "utf8")).includes("ready"),
    readyTimeoutMs: 10_000,
    stopSignal: "SIGTERM",
    stopTimeoutMs: 300,
    logger: silent,
    ...changes,
  });
  supervised.push(child);
  return child;
}

const lives = "console.log('ready'); setInterval(() => {}, 1000)";

test("a child that is killed is started again, and one that is stopped is not", async () => {
  const child = await start(lives);
  const first = child.pid()!;
  process.kill(first, "SIGKILL");
  await expect.poll(() => child.pid() ?? first, { timeout: 5_000 }).not.toBe(first);
  const second = child.pid()!;
  await child.stop();
  expect(child.pid()).toBeUndefined();
  expect(await identifyProcess(second)).toBeUndefined();
});

test("a child that runs and has fallen silent is started again, and one that answers now and then is not", async () => {
  let answers = [true, false, true, false, false, false, true];
  const probe = { isAlive: async () => answers.shift() ?? true, intervalMs: 5, failures: 3 };
  const child = await start(lives, { probe });
  const first = child.pid()!;
  await expect.poll(() => child.pid() ?? first, { timeout: 5_000 }).not.toBe(first);
  expect(await identifyProcess(first)).toBeUndefined();
  const second = child.pid()!;
  answers = [false, false, true, false, false, true];
  await expect.poll(() => answers.length, { timeout: 5_000 }).toBe(0);
  expect(child.pid()).toBe(second);
});

test("a child that will not end by itself is killed", async () => {
  const child = await start(`process.on('SIGTERM', () => {}); ${lives}`);
  const pid = child.pid()!;
  await child.stop();
  expect(await identifyProcess(pid)).toBeUndefined();
});

test("a child that ends while it starts is a fault that holds the last lines of its log", async () => {
  const script = "console.error('the reason'); process.exit(3)";
  await expect(start(script, { isReady: async () => false })).rejects.toMatchObject({
    code: "NATS_UNAVAILABLE",
    message: expect.stringMatching(/exit code 3.*the reason/),
  });
});

test("a program that is not there is a fault, not a crash", async () => {
  await expect(start("", { command: join(directory, "missing") })).rejects.toMatchObject({
    message: expect.stringContaining("ENOENT"),
  });
});

test("a child that never gets ready is stopped after its time", async () => {
  await expect(start(lives, { isReady: async () => false, readyTimeoutMs: 300 })).rejects.toMatchObject({
    message: expect.stringContaining("300 ms"),
  });
});

test("an orphan is stopped only when it was started with our path: a stranger with its number is left alone", async () => {
  const child = await start(lives);
  const pid = child.pid()!;
  const orphan = { name: "child", pid, signal: "SIGTERM", timeoutMs: 2_000, logger: silent } as const;
  await stopOrphan({ ...orphan, argument: "/somewhere/else" });
  expect(child.pid()).toBe(pid);
  await stopOrphan({ ...orphan, argument: lives });
  expect(await identifyProcess(pid)).toBeUndefined();
});
