import { createDevice } from "@attune/fakes/device";
import { fakeToken } from "@attune/fakes/fake-fleet";
import { maxUtteranceCodePoints } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { afterEach, expect, test } from "vitest";
import type { Agent } from "../core/agent-api.js";
import { hostAgent } from "./agent-host.js";
import { connectAgent, type WorkerAgent } from "./agent-proxy.js";

type Listener = (event: { readonly data: unknown }) => void;
const secret = "I never told anybody this";
const open: WorkerAgent[] = [];
afterEach(() => {
  for (const agent of open.splice(0)) agent.close();
});

/** A worker as its page sees it: messages are cloned and arrive later, and `error` fires where its listener throws. */
function host(agent: Promise<Agent> | Agent) {
  const ofPage: Listener[] = [];
  const ofWorker: Listener[] = [];
  const onError: (() => void)[] = [];
  const logged: unknown[] = [];
  const carry = (to: Listener[], message: unknown) => {
    const data: unknown = structuredClone(message);
    setImmediate(() => {
      try {
        for (const listener of to) listener({ data });
      } catch {
        for (const listener of onError) listener();
      }
    });
  };
  hostAgent({
    page: { postMessage: (reply) => carry(ofPage, reply), addEventListener: (_, listener) => ofWorker.push(listener) },
    agent: Promise.resolve(agent),
    log: (...line) => logged.push(line),
  });
  const worker = {
    postMessage: (request: unknown) => carry(ofWorker, request),
    addEventListener(type: string, listener: Listener & (() => void)) {
      if (type === "message") ofPage.push(listener);
      else if (type === "error") onError.push(listener);
    },
    terminate: () => ofWorker.splice(0),
  };
  const proxy = connectAgent(worker);
  open.push(proxy);
  return { proxy, worker, logged, sendToPage: (message: unknown) => carry(ofPage, message) };
}

test("each call reaches the agent, and its answer comes back", async () => {
  const device = createDevice();
  const { proxy } = host(device.agent);
  expect(await proxy.enrol({ token: fakeToken })).toEqual(await device.agent.enrol({ token: fakeToken }));
  const controller = new AbortController();
  const running = proxy.start(controller.signal);
  await device.clock.until(() => device.fleet.polls.length > 0);
  controller.abort();
  expect(await running).toBeUndefined();
  expect(await proxy.label({ id: "a", text: secret, label: "joy" })).toMatchObject({ id: "a" });
  expect(await proxy.status()).toEqual(await device.agent.status());
  expect(await proxy.journal()).toEqual(await device.agent.journal());
  expect(await proxy.journal({ after: 0, limit: 1 })).toEqual((await device.agent.journal()).slice(1, 2));
  expect(await proxy.forget("a")).toEqual({ removed: true, retrained: false });
});

test("an abort crosses, before and after the call has reached the agent, and the agent's own answer comes back", async () => {
  const device = createDevice();
  const signals: AbortSignal[] = [];
  const waiting: Agent = {
    ...device.agent,
    enrol: ({ signal }) =>
      new Promise((_, reject) => {
        signals.push(signal!);
        const stop = () => reject(new AppError("TIMED_OUT", "the wait was stopped"));
        if (signal!.aborted) stop();
        else signal!.addEventListener("abort", stop);
      }),
  };
  const { proxy } = host(waiting);
  const early = proxy.enrol({ token: fakeToken, signal: AbortSignal.abort() });
  await expect(early).rejects.toMatchObject({ name: "AppError", code: "TIMED_OUT", message: "the wait was stopped" });
  const controller = new AbortController();
  const late = proxy.enrol({ token: fakeToken, signal: controller.signal });
  const uncalled = proxy.enrol({ token: fakeToken });
  uncalled.catch(() => undefined);
  while (signals.length < 3) await new Promise(setImmediate);
  controller.abort();
  await expect(late).rejects.toMatchObject({ code: "TIMED_OUT" });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
});

test("an input that the contract refuses is INVALID_INPUT, by its field, and reaches no agent", async () => {
  const device = createDevice();
  const { proxy } = host(device.agent);
  const longest = "\u{1f600}".repeat(maxUtteranceCodePoints);
  await expect(proxy.predict({ text: longest })).rejects.toMatchObject({ code: "NO_RELEASE" });
  await expect(proxy.predict({ text: `${longest}a` })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: "text is longer than 8192 code points",
  });
  expect(await proxy.label({ id: "a", text: longest, label: "joy" })).toMatchObject({ id: "a" });
  await expect(proxy.label({ id: "a", text: `${longest}a`, label: "joy" })).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  await expect(proxy.forget("so happy")).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringMatching(/^input must be/),
  });
  await expect(proxy.journal({ limit: 10_001 })).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("a defect crosses as INTERNAL, with no word of what it failed on", async () => {
  const broken = { status: () => Promise.reject(new TypeError(secret)) } as unknown as Agent;
  const { proxy, logged } = host(broken);
  await expect(proxy.status()).rejects.toMatchObject({ code: "INTERNAL", message: "the agent failed to answer" });
  expect(logged).toEqual([["error", "agentHost.fault", { call: "status", kind: "TypeError" }]]);
});

test("an agent that cannot be opened fails each call with its own error", async () => {
  const { proxy } = host(Promise.reject(new AppError("STORE_CORRUPT", "the store is damaged")));
  await expect(proxy.status()).rejects.toMatchObject({ code: "STORE_CORRUPT", message: "the store is damaged" });
});

test("an answer that is not of the contract is refused", async () => {
  const status = async () => ({ mood: secret });
  const { proxy } = host({ status } as unknown as Agent);
  await expect(proxy.status()).rejects.toMatchObject({ code: "CONFLICT" });
});

test("a message that is not of the contract ends the worker, on either side", async () => {
  const device = createDevice();
  const toWorker = host(device.agent);
  const owed = toWorker.proxy.start(new AbortController().signal);
  toWorker.worker.postMessage({ kind: "call", id: 7, name: "sing", input: secret });
  await expect(owed).rejects.toMatchObject({ code: expect.stringMatching(/AGENT_NOT_RUNNING|NOT_ENROLLED/) });
  await expect(toWorker.proxy.status()).rejects.toMatchObject({ code: "AGENT_NOT_RUNNING" });
  const toPage = host(device.agent);
  const other = toPage.proxy.status();
  toPage.sendToPage({ kind: "output", id: 7, output: secret });
  await expect(other.then(() => toPage.proxy.status())).rejects.toMatchObject({ code: "CONFLICT" });
});

test("a closed worker rejects what it owes and what is asked later", async () => {
  const never = { status: () => new Promise(() => {}) } as unknown as Agent;
  const { proxy } = host(never);
  const owed = proxy.status();
  proxy.close();
  const closed = { code: "AGENT_NOT_RUNNING", message: "the agent's worker was closed" };
  await expect(owed).rejects.toMatchObject(closed);
  await expect(proxy.status()).rejects.toMatchObject(closed);
});
