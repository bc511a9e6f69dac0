import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import type { AgentEvent } from "@attune/shared/contracts/local-events";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../core/agent-api.js";
import { connectAgent } from "./client.js";
import { homePaths, writeLocalApi } from "./home.js";
import { createLocalApi, listenLocally } from "./local-api.js";

const tokens = { all: "f".repeat(64), predict: "e".repeat(64) };
let home: string;
let device: Device;
let stop: () => Promise<void>;
let logged: string[];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  logged = [];
  home = await mkdtemp(join(tmpdir(), "attune-client-"));
  device = createDevice();
  device.fleet.publish(createTinyRelease());
  await device.enrol();
  stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await stop();
  await rm(home, { recursive: true, force: true });
});

/** The local API that a daemon opens over this agent; returns its address. */
async function serve(agent: Agent, pace = { heartbeatMs: 15_000, stalledMs: 30_000 }) {
  const api = createLocalApi({ agent, tokens, log: (...line) => logged.push(JSON.stringify(line)), pace });
  closing.push(() => api.close());
  const url = await listenLocally(api, 0);
  const paths = homePaths(home);
  await writeLocalApi(paths, { url, pid: process.pid });
  await writeFile(paths.localToken, tokens.all);
  await writeFile(paths.predictToken, tokens.predict);
  return { url, close: () => api.close() };
}

test("a client in the agent's home makes each call, and one with an address and a token does, too", async () => {
  const { agent } = device;
  const { url } = await serve(agent);
  for (const client of [connectAgent({ home }), connectAgent({ url, token: tokens.all })]) {
    expect(await client.predict({ text: "so happy" })).toMatchObject({ label: expect.any(String) });
    expect(await client.label({ id: "a", text: "so happy", label: "joy" })).toMatchObject({ id: "a" });
    expect(await client.keep({ id: "b", text: "later" })).toEqual({ id: "b" });
    expect(await client.entries({ search: "later" })).toEqual(await agent.entries({ search: "later" }));
    expect(await client.calendar()).toEqual(await agent.calendar());
    expect(await client.learn()).toMatchObject({ head: expect.any(String) });
    expect(await client.status()).toMatchObject({ device: expect.any(String) });
    expect(await client.journal({ after: 0, limit: 1 })).toEqual(await agent.journal({ after: 0, limit: 1 }));
    expect(await client.report()).toMatchObject({ sequence: expect.any(Number) });
    expect(await client.agree({ contract: 1 })).toMatchObject({ agreed: 1 });
    expect(await client.letIn()).toEqual({ release: null });
    expect(await client.forget("a")).toMatchObject({ removed: true });
  }
});

test("a client that may only predict is refused any other call, with the token that it needs", async () => {
  await serve(device.agent);
  const client = connectAgent({ home, scope: "predict" });
  expect(await client.predict({ text: "so happy" })).toMatchObject({ head: "prior" });
  const refused = { code: "FORBIDDEN", message: expect.stringContaining("<home>/local-token") };
  await expect(client.status()).rejects.toMatchObject(refused);
  await expect(client.events().next()).rejects.toMatchObject(refused);
});

test("events come as they happen, and a reader that comes back misses no entry of the journal", async () => {
  await serve(device.agent);
  const client = connectAgent({ home });
  const controller = new AbortController();
  const seen: AgentEvent[] = [];
  const reading = (async () => {
    for await (const event of client.events({ after: 0, signal: controller.signal })) {
      seen.push(event);
      if (event.type === "lesson") return;
    }
  })();
  await expect.poll(() => seen.length).toBeGreaterThan(2);
  await device.agent.label({ id: "secret-name", text: "so happy", label: "joy" });
  await reading;
  expect(seen[0]).toMatchObject({ type: "state", state: { release: { sequence: 1 } } });
  expect(seen.at(-1)).toEqual({ type: "lesson", lesson: { kind: "learned", utterances: expect.anything() } });
  expect(JSON.stringify(seen)).not.toMatch(/secret-name|so happy/);
  const indices = seen.flatMap((event) => (event.type === "journal" ? [event.entry.index] : []));
  const last = indices.at(-1)!;
  expect(indices).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  await device.agent.report();
  const resumed = client.events({ after: last - 1 });
  const { value: state } = await resumed.next();
  const { value: next } = await resumed.next();
  await resumed.return();
  expect([state, next]).toMatchObject([{ type: "state" }, { type: "journal", entry: { index: last } }]);
});

test("the signal ends a call and a stream with its reason, and the daemon's end ends a stream in order", async () => {
  const never = { ...device.agent, predict: () => new Promise<never>(() => undefined) };
  const { close } = await serve(never);
  const client = connectAgent({ home });
  const reason = new Error("enough");
  const aborted = new AbortController();
  const waiting = [client.predict({ text: "a" }, { signal: aborted.signal }), drain(client, aborted.signal)];
  const settled = Promise.allSettled(waiting);
  await expect.poll(async () => (await client.status()).device).not.toBeNull();
  aborted.abort(reason);
  expect(await settled).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
  const events = client.events();
  expect((await events.next()).value).toMatchObject({ type: "state" });
  const ended = events.next();
  await close();
  expect(await ended).toEqual({ done: true, value: undefined });
  await expect(client.status()).rejects.toMatchObject({ code: "AGENT_NOT_RUNNING" });
});

async function drain(client: ReturnType<typeof connectAgent>, signal: AbortSignal): Promise<void> {
  for await (const _ of client.events({ signal }));
}

/** A reader that asks for events by hand. */
async function askEvents(url: string) {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${tokens.all}\r\n\r\n`);
  return socket;
}

test("a silent stream sends a comment now and then", async () => {
  const { url } = await serve(device.agent, { heartbeatMs: 20, stalledMs: 30_000 });
  const socket = await askEvents(url);
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes;
  });
  await expect.poll(() => text.split(": no news").length).toBeGreaterThan(3);
  expect(text).toContain("content-type: text/event-stream");
  expect(text).toContain("event: state\n");
  socket.destroy();
});

test("a reader that takes nothing is cut off, and nothing was kept for it meanwhile", async () => {
  const { agent } = device;
  let asked = 0;
  const entries = await agent.journal();
  const events = Array.from({ length: 100 }, () => ({ type: "journal" as const, entry: entries[0]! }));
  const busy: Agent = {
    ...agent,
    events: async () => ({ events, next: { state: 1, lesson: ++asked, journal: 0 } }),
  };
  const { url } = await serve(busy, { heartbeatMs: 1_000, stalledMs: 100 });
  const socket = await askEvents(url);
  socket.pause();
  await expect.poll(() => logged.join()).toContain("localApi.eventsEnded");
  const wanted = asked;
  socket.resume();
  await once(socket, "close");
  expect(asked).toBe(wanted);
  // The kernel's buffers of one connection take some megabytes, and an answer here has 50 kB.
  expect(wanted).toBeLessThan(2_000);
});

test("a place that is no number is refused before the stream begins", async () => {
  const { url } = await serve(device.agent);
  const headers = { authorization: `Bearer ${tokens.all}`, "last-event-id": "soon" };
  const response = await fetch(new URL("/v1/events", url), { headers });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "INVALID_INPUT" } });
});
