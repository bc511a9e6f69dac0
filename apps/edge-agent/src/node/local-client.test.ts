import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import type { HomeLock } from "@attune/platform/home-lock";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, AskableAgent } from "../core/agent-api.js";
import { homePaths, writeLocalApi } from "./home.js";
import { lockHome } from "./home-lock.js";
import { createLocalApi, listenLocally } from "./local-api.js";
import { daemonAgent } from "./local-client.js";

const token = "f".repeat(64);
let home: string;
let lock: HomeLock;
let device: Device;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-client-"));
  lock = await lockHome(home);
  device = createDevice();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await lock.release();
  await rm(home, { recursive: true, force: true });
});

/** A client of the local API that a daemon opens over this agent. */
async function served(agent: Agent): Promise<AskableAgent> {
  const api = createLocalApi({ agent, tokens: { all: token, predict: "e".repeat(64) }, log: () => {} });
  closing.push(() => api.close());
  const paths = homePaths(home);
  await writeLocalApi(paths, { url: await listenLocally(api, 0), pid: process.pid });
  await writeFile(paths.localToken, token);
  return daemonAgent(paths);
}

test("each answer over the local API is the agent's own", async () => {
  const { agent, fleet, clock } = device;
  const client = await served(agent);
  await expect(client.predict({ text: "so happy" })).rejects.toMatchObject({ code: "NO_RELEASE" });
  fleet.publish(createTinyRelease());
  await device.enrol();
  const stop = device.start();
  await clock.until(async () => (await agent.status()).updateState === "committed");
  await stop();
  expect(await client.status()).toEqual(await agent.status());
  expect(await client.predict({ text: "so happy", id: "a" })).toEqual(
    await agent.predict({ text: "so happy", id: "a" }),
  );
  const said = { id: "a", text: "so happy", label: "joy", split: "holdout" } as const;
  expect(await client.label(said)).toEqual(await agent.label(said));
  expect(await client.label({ id: "b", text: "so mad", label: "anger" })).toMatchObject({ id: "b" });
  expect(await client.keep({ id: "c", text: "later", said: "2026-03-01T12:00:00+01:00" })).toEqual({ id: "c" });
  expect(await client.entries()).toEqual(await agent.entries());
  expect((await client.entries({ search: "LATER" })).entries.map(({ id }) => id)).toEqual(["c"]);
  expect(await client.calendar()).toEqual(await agent.calendar());
  expect(await client.learn()).toEqual(await agent.learn());
  expect(await client.learn({ report: true })).toMatchObject({ holdout: expect.any(Number) });
  expect(await client.status()).toEqual(await agent.status());
  expect(await client.forget("a")).toEqual({ removed: true, retrained: true });
  expect(await client.forget("a")).toEqual({ removed: false });
  const { sequence } = await client.report();
  expect((await agent.report()).sequence).toBe(sequence + 1);
  const journal = await agent.journal();
  expect(await client.journal()).toEqual(journal);
  expect(await client.journal({ after: 0, limit: 2 })).toEqual(journal.slice(1, 3));
});

test("an answer of another version of the program is refused, with what to do", async () => {
  const { agent } = device;
  const newer = { ...agent, status: async () => ({ ...(await agent.status()), epochs: "two" }) };
  const client = await served(newer as unknown as Agent);
  await expect(client.status()).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringMatching(
      /of another version than this program .*at epochs.*; stop the agent and start it again$/,
    ),
  });
});
