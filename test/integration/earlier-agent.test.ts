// An earlier agent with today's server, and today's agent with an earlier server's answers.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAgent } from "@attune/edge-agent/core/agent";
import type { Agent } from "@attune/edge-agent/core/agent-api";
import type { Cleared, Ports } from "@attune/edge-agent/core/ports";
import { createAesCipher } from "@attune/edge-agent/node/aes-cipher";
import { homePaths } from "@attune/edge-agent/node/home";
import { createHttpClient } from "@attune/edge-agent/node/http-client";
import { type LevelStore, openLevelStore } from "@attune/edge-agent/node/level-store";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import { createNodeFiles } from "@attune/edge-agent/node/node-files";
import { createNodeHashing } from "@attune/edge-agent/node/node-hashing";
import { createSystemClock } from "@attune/edge-agent/node/system-clock";
import type { HttpClient } from "@attune/edge-agent/transports/http-client";
import { createHttpFetcher } from "@attune/edge-agent/transports/http-fetcher";
import { createTrpcTransport } from "@attune/edge-agent/transports/trpc-transport";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { auditJournal } from "@attune/server/audit/journal-audit";
import { fetchReports } from "@attune/server/client/device-reports";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { AppError } from "@attune/shared/errors";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EarlierAnswers, type Exchange, readAnswers, unpackAgent } from "../golden/earlier-agent/read.js";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

const extractor = fileURLToPath(new URL("../../assets/extractor", import.meta.url));

describe("an earlier agent with today's server", () => {
  let server: TestServer;
  let directory: string;
  let program: string;
  let home: string;
  let daemon: ChildProcess | undefined;

  beforeAll(async () => {
    server = await startTestServer();
    directory = await mkdtemp(join(tmpdir(), "attune-earlier-agent-"));
    program = await unpackAgent(directory);
    home = join(directory, "home");
    await createFleet(server, "home");
    const { sequence } = await publishFolder(server.access, {
      folder: extractor,
      model: "mine",
      modelVersion: "1.0.0",
    });
    await askServer(server.access, (client) =>
      client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }),
    );
  });
  afterAll(async () => {
    if (daemon !== undefined) await stop(daemon);
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  function start(...argv: string[]): ChildProcess {
    const { ATTUNE_SERVER: _server, ATTUNE_AGENT_HOME: _home, ...env } = process.env;
    return spawn(process.execPath, [program, ...argv, "--home", home, "--json"], {
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
  }

  async function ask(argv: readonly string[], stdin = ""): Promise<Record<string, unknown>> {
    const child = start(...argv);
    child.stdin!.end(stdin);
    let out = "";
    child.stdout!.on("data", (bytes) => {
      out += bytes;
    });
    await once(child, "close");
    return JSON.parse(out);
  }

  async function stop(child: ChildProcess): Promise<void> {
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }

  test("enrols, takes its release, learns and reports, and an audit finds no difference", async () => {
    daemon = start("run", "--server", server.app.httpUrl, "--token", await createToken(server, "home"));
    await Promise.race([once(daemon.stdout!, "data"), once(daemon, "exit")]);
    expect(daemon.exitCode).toBeNull();
    await eventually(async () => expect(await ask(["status"])).toMatchObject({ updateState: "committed" }), 120_000);
    expect(await ask(["predict", "-"], "I got the job!")).toMatchObject({ label: expect.any(String), head: "prior" });
    const said = ["I got the job!", "Leave me alone.", "Oh no, not again."].entries();
    for (const [i, text] of said) {
      const label = ["joy", "anger", "sadness"][i] as string;
      expect(await ask(["label", "--id", `u${i}`, "--label", label, "-"], text)).toMatchObject({ id: `u${i}` });
    }
    expect(await ask(["learn", "--report"])).toHaveProperty("head");
    await eventually(async () => expect(await ask(["status"])).toMatchObject({ outbox: { pending: 0 } }), 60_000);
    await stop(daemon);
    daemon = undefined;

    const { device } = (await ask(["status"])) as { device: string };
    const { entries } = (await ask(["journal"])) as unknown as { entries: JournalEntry[] };
    const types = new Set(entries.map(({ type }) => type));
    expect(types).toEqual(new Set(["enrol", "poll", "download", "report.metrics", "report.state"]));
    expect(new Set(entries.map(({ version }) => version))).toEqual(new Set([1]));
    await eventually(async () => {
      const audit = auditJournal(entries, await fetchReports(server.access, device));
      expect(audit).toMatchObject({ verdict: "consistent", device, entries: entries.length });
      for (const list of ["faults", "missing", "extra", "altered"] as const) expect(audit[list]).toEqual([]);
    });
    expect(await server.database.deadLetter.count()).toBe(0);
    expect(await server.database.device.findUnique({ where: { id: device } })).toMatchObject({ offeredManifest: 1 });
  });
});

describe("today's agent with an earlier server's answers", () => {
  let earlier: EarlierAnswers;
  let home: string;
  let replay: Replay;
  let http: HttpClient;
  let store: LevelStore | undefined;
  beforeAll(async () => {
    earlier = await readAnswers();
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "attune-earlier-answers-"));
    replay = await startReplay();
    http = createHttpClient({ idleTimeoutMs: 30_000, keepAlive: false });
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    http.close();
    replay.server.close();
    await rm(home, { recursive: true });
  });

  /** The device of the recorded requests: its key, its store's key, its epoch and the time of that day. */
  async function openPorts(): Promise<Ports> {
    const paths = homePaths(home);
    const { device, startedAtMs } = earlier;
    const storeKey = Buffer.from(device.storeKey, "base64");
    await mkdir(dirname(paths.deviceSeed), { recursive: true });
    await writeFile(paths.deviceSeed, Buffer.from(device.seed, "base64"), { mode: 0o600 });
    store = await openLevelStore(paths.store);
    const hashing = createNodeHashing(storeKey);
    const clock = createSystemClock();
    const begunMs = clock.monotonicMs();
    return {
      store,
      files: createNodeFiles(home),
      cipher: createAesCipher(storeKey),
      hashing: {
        ...hashing,
        randomBytes: (length) =>
          length === 8 ? Uint8Array.from(Buffer.from(device.epoch, "hex")) : hashing.randomBytes(length),
      },
      deviceKey: createDeviceKey(paths.deviceSeed),
      control: createTrpcTransport(http, replay.url),
      downloads: createHttpFetcher(http, replay.url),
      reports: {
        connect: async () => {
          throw new AppError("NATS_UNAVAILABLE", "there is no broker here");
        },
      },
      clock: {
        ...clock,
        nowMs: () => startedAtMs + Math.floor(clock.monotonicMs() - begunMs),
        // Each recorded life was shorter than the half minute between two polls, which a slow machine exceeds.
        sleep: (ms, signal) => clock.sleep(ms > 10_000 ? 100 * ms : ms, signal),
      },
      log: () => {},
      engine: referenceEngine,
      engineChoice: () => "a test",
    };
  }

  async function live(agent: Agent, condition: () => Promise<void>): Promise<void> {
    const controller = new AbortController();
    const ended = agent.start(controller.signal);
    await eventually(condition, 60_000);
    controller.abort();
    await ended;
  }

  test("asks the same, byte for byte, and comes to the state of that day", async () => {
    const { exchanges, device, knew } = earlier;
    replay.exchanges = exchanges;
    const ports = await openPorts();
    const options = { deviceKind: "linux", memoryMib: 2_048 } as const;
    const first = createAgent(ports, options);
    await first.enrol({ token: device.token });
    await live(first, async () => expect((await first.status()).updateState).toBe("committed"));
    for (const said of device.said) await first.label(said);
    await first.learn();
    const agent = createAgent(ports, options);
    await live(agent, async () => expect(replay.asked).toHaveLength(exchanges.length));

    expect(replay.asked).toEqual(exchanges.map(({ request: { method, path, body } }) => ({ method, path, body })));
    const { trainMs: _trained, engine: _engine, target: _target, sent, lastError: _error, ...then } = knew.status;
    const status = await agent.status();
    // Today a mixture answers, whose scores are its own.
    expect(status).toMatchObject({
      ...then,
      f1Personal: expect.any(Number),
      capacityBits: expect.closeTo(then.capacityBits, 9),
    });
    expect(status.sent).toEqual(sent);
    const journal = await agent.journal({ limit: 1_000_000 });
    expect(journal.map(({ type, message }) => ({ type, message }))).toEqual(
      knew.journal.map(({ type, message }) => ({ type, message })),
    );
    for (const { text, head, probabilities } of knew.predictions) {
      const predicted = await agent.predict({ text });
      expect(predicted.head).toBe(head);
      expect(Object.keys(predicted.probabilities)).toEqual(Object.keys(probabilities));
    }
    const outbox: string[] = [];
    for await (const [, bytes] of store!.entries("outbox/")) outbox.push(Buffer.from(bytes).toString());
    expect(outbox).toEqual(knew.outbox);
  });

  test("makes of its refusals and partial answers what was made of them then", async () => {
    const { control, downloads } = await openPorts();
    const { signal } = new AbortController();
    for (const { code, what, ...exchange } of earlier.refused) {
      replay.exchanges = [exchange];
      const { message, proof, signature } = JSON.parse(exchange.request.body);
      const asked = exchange.request.path.endsWith("enrol")
        ? control.enrol({ message } as Cleared<"enrol">, proof, signal)
        : control.poll({ message } as Cleared<"poll">, signature, signal);
      await expect(asked, what).rejects.toMatchObject({ code });
    }
    for (const { what, offset, status, totalBytes, ...exchange } of earlier.partial) {
      replay.exchanges = [exchange];
      const bytes = new TextEncoder().encode(exchange.request.path);
      const message = { what: "chunks", offset };
      const reply = await downloads.get({ bytes, message } as unknown as Cleared<"download">, signal);
      expect({ status: reply.status, totalBytes: reply.totalBytes ?? null }, what).toEqual({ status, totalBytes });
      const body: Uint8Array[] = [];
      for await (const part of reply.body) body.push(part);
      expect(Buffer.concat(body).toString("base64"), what).toBe(exchange.answer.base64);
    }
  });
});

interface Replay {
  readonly url: string;
  readonly server: Server;
  /** The answers from now on to the same requests. */
  exchanges: readonly Exchange[];
  readonly asked: { method: string | undefined; path: string | undefined; body: string }[];
}

/**
 * Answers a request with its recorded answer. An unrecorded request fails the test, by a status that no server sent.
 */
async function startReplay(): Promise<Replay> {
  const server = createServer(async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part as Uint8Array);
    const asked = { method: request.method, path: request.url, body: Buffer.concat(parts).toString("utf8") };
    replay.asked.push(asked);
    const found = replay.exchanges.find(
      (exchange) =>
        exchange.request.path === asked.path &&
        exchange.request.method === asked.method &&
        exchange.request.body === asked.body &&
        exchange.request.headers.range === request.headers.range,
    );
    if (found === undefined) response.writeHead(599).end();
    else response.writeHead(found.answer.status, found.answer.headers).end(Buffer.from(found.answer.base64, "base64"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const replay: Replay = { url, server, exchanges: [], asked: [] };
  return replay;
}
