// Opens an agent's home of the release before with today's code: nothing is lost.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createAgent } from "@attune/edge-agent/core/agent";
import type { Agent } from "@attune/edge-agent/core/agent-api";
import { createAesCipher } from "@attune/edge-agent/node/aes-cipher";
import { homePaths } from "@attune/edge-agent/node/home";
import { type LevelStore, openLevelStore } from "@attune/edge-agent/node/level-store";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import { createNodeFiles } from "@attune/edge-agent/node/node-files";
import { createNodeHashing } from "@attune/edge-agent/node/node-hashing";
import { openAgent } from "@attune/edge-agent/node/open-agent";
import { createSystemClock } from "@attune/edge-agent/node/system-clock";
import { createFakeFleet, type FakeFleet } from "@attune/fakes/fake-fleet";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import type { AgentStatus, LabelInput, Prediction } from "@attune/shared/contracts/local-api";
import { pinnedRoot } from "@attune/shared/trust/root";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "./temporary-home.js";

interface Earlier {
  readonly files: Readonly<Record<string, string>>;
  readonly knew: {
    readonly status: AgentStatus;
    readonly journal: readonly JournalEntry[];
    readonly predictions: readonly (Prediction & { readonly text: string })[];
    readonly utterances: readonly LabelInput[];
    readonly outbox: readonly string[];
  };
}

let earlier: Earlier;
let home: string;
let fleet: FakeFleet;
let store: LevelStore | undefined;

beforeEach(async () => {
  const packed = await readFile(new URL("../golden/earlier-agent-home/home.json.gz", import.meta.url));
  earlier = JSON.parse(gunzipSync(packed).toString("utf8"));
  home = await mkdtemp(join(tmpdir(), "attune-earlier-"));
  for (const [path, base64] of Object.entries(earlier.files)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), Buffer.from(base64, "base64"), { mode: 0o600 });
  }
  fleet = createFakeFleet();
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  await rm(home, { recursive: true });
});

/** The core on Node's adapters and the earlier agent's engine, on which a prediction is the same to the last bit. */
async function open(): Promise<Agent> {
  const paths = homePaths(home);
  const storeKey = await readFile(paths.storeKey);
  store = await openLevelStore(paths.store);
  const ports = {
    store,
    files: createNodeFiles(home),
    cipher: createAesCipher(storeKey),
    hashing: createNodeHashing(storeKey),
    deviceKey: createDeviceKey(paths.deviceSeed),
    control: fleet.control,
    downloads: fleet.downloads,
    reports: fleet.reports,
    clock: createSystemClock(),
    log: () => {},
    engine: referenceEngine,
    engineChoice: () => "a test",
  };
  return createAgent(ports, { deviceKind: "linux", memoryMib: 2_048 });
}

async function reopen(): Promise<Agent> {
  await store?.close();
  return open();
}

test("its release and utterances are there, and a refit on them answers in the place of its head", async () => {
  const { knew } = earlier;
  let agent = await open();
  const { device, fleet: home, epoch, release, utterances, head, f1Prior } = knew.status;
  const answers: Prediction["probabilities"][] = [];
  for (let starts = 0; starts < 2; starts++) {
    await eventually(async () => expect((await agent.status()).head).toEqual(head));
    const status = await agent.status();
    expect(status).toMatchObject({ device, fleet: home, epoch, utterances, f1Prior, f1Personal: expect.any(Number) });
    expect(status).toMatchObject({ release: release!, updateState: "committed" });
    for (const { text } of knew.predictions) answers.push((await agent.predict({ text })).probabilities);
    agent = await reopen();
  }
  const [first, second] = [answers.slice(0, knew.predictions.length), answers.slice(knew.predictions.length)];
  for (const [i, { probabilities }] of knew.predictions.entries()) {
    expect(Object.keys(first[i]!)).toEqual(Object.keys(probabilities));
    for (const [slug, value] of Object.entries(first[i]!)) expect(second[i]![slug]).toBeCloseTo(value, 6);
  }
});

test("the keys that it believes are in a record of their own, once it has been opened", async () => {
  const stored = async (key: string) => JSON.parse(new TextDecoder().decode(await store?.get(key)));
  store = await openLevelStore(homePaths(home).store);
  const { releaseKeys, version: _, ...who } = await stored("identity");
  await store.close();
  let agent = await open();
  for (let starts = 0; starts < 2; starts++) {
    await agent.status();
    expect(await stored("identity")).toEqual({ version: 2, ...who });
    expect(await stored("root")).toEqual({ version: 1, root: pinnedRoot(releaseKeys) });
    agent = await reopen();
  }
});

test("each of its utterances is the one that was said, and can be forgotten", async () => {
  const { knew } = earlier;
  const agent = await open();
  const { train, holdout } = (await agent.status()).utterances;
  // An utterance that is repeated under its id changes nothing.
  for (const said of knew.utterances) await agent.label(said);
  expect((await agent.status()).utterances).toEqual({ train, holdout });
  for (const { id } of knew.utterances.slice(0, 3))
    expect(await agent.forget(id)).toEqual({ removed: true, retrained: true });
  expect(await agent.forget("deadbeef".repeat(8))).toEqual({ removed: true, retrained: true });
  const left = (await agent.status()).utterances;
  expect(left.train + left.holdout).toBe(train + holdout - 4);
});

test("no file of the store says an utterance's id any more, once it has been opened", async () => {
  const { knew } = earlier;
  const holding = async (id: string) => {
    const names = await readdir(homePaths(home).store);
    const contents = await Promise.all(names.map((name) => readFile(join(homePaths(home).store, name))));
    return names.filter((_, i) => contents[i]?.includes(id));
  };
  // The store's tables shorten keys that begin alike; its log does not.
  const before = await Promise.all(knew.utterances.map(({ id }) => holding(id)));
  expect(before.flat()).not.toEqual([]);
  await (await open()).status();
  // LevelDB's own notes on its tables are written anew at the next opening.
  await (await reopen()).status();
  for (const { id } of knew.utterances) expect(await holding(id), id).toEqual([]);
});

test("its journal is whole and is continued", async () => {
  const { knew } = earlier;
  let agent = await open();
  expect(await agent.journal({ limit: 1_000_000 })).toEqual(knew.journal);
  const controller = new AbortController();
  const ended = agent.start(controller.signal);
  await eventually(async () => expect(fleet.polls.length).toBeGreaterThan(0));
  controller.abort();
  await ended;
  agent = await reopen();
  const journal = await agent.journal({ limit: 1_000_000 });
  expect(journal.slice(0, knew.journal.length)).toEqual(knew.journal);
  expect(journal[knew.journal.length]?.type).toBe("poll");
});

test("the reports in its outbox leave, byte for byte, and once", async () => {
  const { knew } = earlier;
  const agent = await open();
  expect((await agent.status()).outbox.pending).toBe(knew.outbox.length);
  const controller = new AbortController();
  const ended = agent.start(controller.signal);
  await eventually(async () => expect((await agent.status()).outbox.pending).toBe(0));
  controller.abort();
  await ended;
  expect([...fleet.received.values()]).toEqual(knew.outbox);
});

test("it opens as the daemon opens it, on the engine of this machine", async () => {
  const { knew } = earlier;
  const options = { server: "http://127.0.0.1:9", outboxLimit: 100, threads: 1, log: () => {} };
  const { agent, close } = await openAgent({ ...options, paths: homePaths(home) });
  const { release, utterances, device } = knew.status;
  expect(await agent.status()).toMatchObject({ release: release!, utterances, device });
  expect((await agent.learn()).head).toBe(knew.status.head.active);
  await close();
});
