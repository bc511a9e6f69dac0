// Makes two files with the code of an earlier commit. The file bundle.json.br is the agent as that commit ships it. The
// file answers.json.gz holds the commit's server's HTTP answers to an agent that enrols, polls, downloads and takes a
// release. It also holds the state that this agent came to.
//
//   git worktree add ../earlier c0f50d4 && cd ../earlier && npm ci && npm run build
//   cp ../attune/test/golden/earlier-agent/make.js test/integration/make-earlier-agent.test.ts
//   OUT=../attune/test/golden/earlier-agent npx vitest run --config test/vitest.config.ts \
//     --project integration test/integration/make-earlier-agent.test.ts

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { featureIdentity } from "@attune/ml/features/identity";
import { AppError } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { createAgent } from "../../apps/edge-agent/src/core/agent.js";
import { createAesCipher, keySizeBytes } from "../../apps/edge-agent/src/node/aes-cipher.js";
import { homePaths } from "../../apps/edge-agent/src/node/home.js";
import { createHttpClient } from "../../apps/edge-agent/src/node/http-client.js";
import { createHttpFetcher } from "../../apps/edge-agent/src/node/http-fetcher.js";
import { openLevelStore } from "../../apps/edge-agent/src/node/level-store.js";
import { createDeviceKey } from "../../apps/edge-agent/src/node/nkey.js";
import { createNodeFiles } from "../../apps/edge-agent/src/node/node-files.js";
import { createNodeHashing } from "../../apps/edge-agent/src/node/node-hashing.js";
import { readOrCreateSecret } from "../../apps/edge-agent/src/node/secret-file.js";
import { createSystemClock } from "../../apps/edge-agent/src/node/system-clock.js";
import { createTrpcTransport } from "../../apps/edge-agent/src/node/trpc-transport.js";
import { askServer } from "../../apps/server/src/client/fleet-client.js";
import { publishFolder } from "../../apps/server/src/client/publish-folder.js";
import { createTinyRelease, sayings } from "../fakes/tiny-release.js";
import { createFleet, createToken, startTestServer } from "./harness.js";

const out = process.env.OUT;
const root = new URL("../../", import.meta.url);

test("the agent's bundle", async () => {
  const files = {};
  const bundle = "apps/edge-agent/dist/bundle/";
  for (const name of await readdir(new URL(bundle, root))) {
    files[bundle + name] = { text: await readFile(new URL(bundle + name, root), "utf8") };
  }
  for (const build of ["simd128", "relaxed"]) {
    const path = `packages/ml/kernels/attune-${build}.wasm`;
    files[path] = { base64: (await readFile(new URL(path, root))).toString("base64") };
  }
  const json = Buffer.from(JSON.stringify(files));
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: json.length,
  };
  await writeFile(join(out, "bundle.json.br"), brotliCompressSync(json, { params }));
});

/**
 * Writes the tiny release with the settings that a folder needs. Its head is bound to the features
 * that these settings change.
 */
async function writeRelease(folder) {
  const { files, release } = createTinyRelease();
  const attune = { pooling: "mean", maxTokens: 16 };
  const config = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(files.get("config.json")).toString()), attune }),
  );
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const digest = (name) => sha256(files.get(name));
  const [model, tokenizer, reduction] = ["model.safetensors", "tokenizer.json", "dr.safetensors"].map(digest);
  const identity = sha256(featureIdentity({ config: sha256(config), model, tokenizer, reduction }, attune));
  const head = Buffer.from(files.get("prior-head.safetensors")).toString("latin1");
  const bound = Buffer.from(head.replaceAll(release.features.identity, identity), "latin1");
  const all = new Map([...files, ["config.json", config], ["prior-head.safetensors", bound]]);
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of all) await writeFile(join(folder, name), bytes);
}

/** Passes each request on, and records it with its answer. */
async function startRecorder(target) {
  const exchanges = [];
  const recorder = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const answer = await fetch(new URL(request.url, target), {
      method: request.method,
      headers: { ...headers, "accept-encoding": "identity" },
      ...(body.length > 0 && { body }),
    });
    const reply = Buffer.from(await answer.arrayBuffer());
    const { connection: _c, "keep-alive": _k, ...replyHeaders } = Object.fromEntries(answer.headers);
    exchanges.push({
      request: { method: request.method, path: request.url, headers, body: body.toString("utf8") },
      answer: { status: answer.status, headers: replyHeaders, base64: reply.toString("base64") },
    });
    response.writeHead(answer.status, replyHeaders).end(reply);
  });
  recorder.listen(0, "127.0.0.1");
  await once(recorder, "listening");
  return { url: `http://127.0.0.1:${recorder.address().port}`, exchanges, close: () => recorder.close() };
}

test("the server's answers", async () => {
  const server = await startTestServer();
  const recorder = await startRecorder(server.access.httpUrl);
  const scratch = await mkdtemp(join(tmpdir(), "attune-earlier-"));
  await createFleet(server, "home");
  await writeRelease(join(scratch, "release"));
  const { sequence } = await publishFolder(server.access, {
    folder: join(scratch, "release"),
    model: "tiny",
    modelVersion: "1.0.0",
    lifeDays: 90,
  });
  await askServer(server.access, (client) =>
    client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }),
  );

  const startedAtMs = Date.now();
  const home = join(scratch, "agent");
  const paths = homePaths(home);
  const storeKey = await readOrCreateSecret(paths.storeKey, () => randomBytes(keySizeBytes));
  const epoch = randomBytes(8);
  const store = await openLevelStore(paths.store);
  const deviceKey = createDeviceKey(paths.deviceSeed);
  const http = createHttpClient({ idleTimeoutMs: 30_000, keepAlive: false });
  const hashing = createNodeHashing(storeKey);
  const ports = {
    store,
    files: createNodeFiles(home),
    cipher: createAesCipher(storeKey),
    hashing: {
      ...hashing,
      randomBytes: (length) => (length === 8 ? new Uint8Array(epoch) : hashing.randomBytes(length)),
    },
    deviceKey,
    control: createTrpcTransport(http, recorder.url),
    downloads: createHttpFetcher(http, recorder.url),
    reports: {
      connect: async () => {
        throw new AppError("NATS_UNAVAILABLE", "there is no broker here");
      },
    },
    clock: createSystemClock(),
    log: () => {},
    engine: referenceEngine,
    engineChoice: () => "the earlier agent",
  };
  const until = async (condition) => {
    while (!(await condition())) await sleep(20);
  };
  const token = await createToken(server, "home");
  let agent = createAgent(ports, { deviceKind: "linux", memoryMib: 2_048 });
  const live = async (condition) => {
    const controller = new AbortController();
    const ended = agent.start(controller.signal);
    await until(condition);
    controller.abort();
    await ended;
  };
  await agent.enrol({ token });
  await live(async () => (await agent.status()).updateState === "committed");
  const said = sayings(45, 1).map((saying, i) => ({ ...saying, split: i % 2 === 0 ? "holdout" : "train" }));
  for (const saying of said) await agent.label(saying);
  await agent.learn();
  // A second life, whose poll states the release that it runs.
  agent = createAgent(ports, { deviceKind: "linux", memoryMib: 2_048 });
  const before = recorder.exchanges.length;
  await live(
    () => recorder.exchanges.length > before && recorder.exchanges.at(-1).request.path === "/trpc/device.poll",
  );
  const exchanges = recorder.exchanges.splice(0);

  const code = async (work) => {
    try {
      await work();
      return null;
    } catch (error) {
      return error.code;
    }
  };
  const enrolment = JSON.parse(exchanges[0].request.body);
  const [poll] = exchanges.filter(({ request }) => request.path === "/trpc/device.poll");
  const { message, signature } = JSON.parse(poll.request.body);
  const never = new AbortController().signal;
  const other = { ...enrolment.message, epoch: "f".repeat(16) };
  const refusals = {
    "an enrolment that its key did not sign": () => ports.control.enrol({ message: other }, enrolment.proof, never),
    "an enrolment with a field that no contract declares": () =>
      ports.control.enrol({ message: { ...other, note: 1 } }, enrolment.proof, never),
    "a poll that its device did not sign": () =>
      ports.control.poll({ message: { ...message, sequence: 9 } }, signature, never),
    "a poll of no device": () =>
      ports.control.poll({ message: { ...message, device: "0".repeat(32) } }, signature, never),
  };
  const refused = [];
  for (const [what, ask] of Object.entries(refusals)) {
    const thrown = await code(ask);
    expect(thrown).not.toBeNull();
    refused.push({ what, code: thrown, ...recorder.exchanges.splice(0)[0] });
  }
  const sizeOf = ({ answer }) => Number(answer.headers["content-length"]);
  const chunks = exchanges.filter(({ request }) => request.path.startsWith("/v1/chunks/"));
  const [chunk] = chunks.toSorted((x, y) => sizeOf(y) - sizeOf(x));
  const sha256 = chunk.request.path.split("/").at(-1);
  const downloads = {
    "of a chunk that is not there": [0, "0".repeat(64)],
    "from behind the end": [262_144, sha256],
    "from the middle": [4_096, sha256],
  };
  const partial = [];
  for (const [what, [offset, hash]] of Object.entries(downloads)) {
    const bytes = new TextEncoder().encode(`/v1/chunks/${hash}`);
    const { status, totalBytes, body } = await ports.downloads.get(
      { bytes, message: { what: "chunks", sha256: hash, offset } },
      never,
    );
    for await (const _ of body);
    partial.push({ what, offset, status, totalBytes: totalBytes ?? null, ...recorder.exchanges.splice(0)[0] });
  }

  const texts = ["so happy !", "the bazinga", "blimey is it"];
  const outbox = [];
  for await (const [, bytes] of store.entries("outbox/")) outbox.push(Buffer.from(bytes).toString());
  const knew = {
    status: await agent.status(),
    journal: await agent.journal({ limit: 1_000_000 }),
    predictions: await Promise.all(texts.map(async (text) => ({ text, ...(await agent.predict({ text })) }))),
    outbox,
  };
  const device = {
    storeKey: Buffer.from(storeKey).toString("base64"),
    seed: (await readFile(paths.deviceSeed)).toString("base64"),
    epoch: epoch.toString("hex"),
    token,
    said,
  };
  const json = JSON.stringify({ startedAtMs, device, exchanges, refused, partial, knew });
  await writeFile(join(out, "answers.json.gz"), gzipSync(json, { level: 9 }));
  await store.close();
  http.close();
  recorder.close();
  await server.stop();
  await rm(scratch, { recursive: true });
});
