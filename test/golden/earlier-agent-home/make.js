// Makes home.json.gz: an agent's home as release 0.1.0 leaves it when it is killed with reports waiting for the broker.
// Run it with the code of that release, whose files it uses:
//
//   git worktree add ../earlier d21daba && cd ../earlier && npm ci
//   cp ../attune/test/golden/earlier-agent-home/make.js apps/edge-agent/src/node/make-earlier-home.test.ts
//   OUT=../attune/test/golden/earlier-agent-home/home.json.gz npx vitest run --config test/vitest.config.ts \
//     --project unit apps/edge-agent/src/node/make-earlier-home.test.ts
//
// Beside the home's files, the result holds that agent's knowledge: status, journal, predictions, the reports in its
// outbox.

import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { expect, test } from "vitest";
import { createFakeFleet, fakeToken } from "../../../../test/fakes/fake-fleet.js";
import { createTinyRelease, sayings } from "../../../../test/fakes/tiny-release.js";
import { createAgent } from "../core/agent.js";
import { createAesCipher, keySizeBytes } from "./aes-cipher.js";
import { homePaths, writeServer } from "./home.js";
import { openLevelStore } from "./level-store.js";
import { createDeviceKey } from "./nkey.js";
import { createNodeFiles } from "./node-files.js";
import { createNodeHashing } from "./node-hashing.js";
import { readOrCreateSecret } from "./secret-file.js";
import { createSystemClock } from "./system-clock.js";

test("the home of an earlier release", async () => {
  const home = await mkdtemp(join(tmpdir(), "attune-earlier-"));
  const paths = homePaths(home);
  const storeKey = await readOrCreateSecret(paths.storeKey, () => randomBytes(keySizeBytes));
  await writeServer(paths, "http://127.0.0.1:9");
  const store = await openLevelStore(paths.store);
  const fleet = createFakeFleet();
  fleet.pollIntervalMs = 100;
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
    engineChoice: () => "the earlier release",
  };
  const agent = createAgent(ports, { deviceKind: "linux", memoryMib: 2_048 });
  const until = async (condition) => {
    while (!(await condition())) await sleep(20);
  };
  fleet.publish(createTinyRelease({ sequence: 1 }));
  await agent.enrol({ token: fakeToken });
  const controller = new AbortController();
  const ended = agent.start(controller.signal);
  await until(async () => (await agent.status()).release?.sequence === 1);
  fleet.publish(createTinyRelease({ sequence: 2, seed: 2 }));
  await until(async () => (await agent.status()).release?.sequence === 2);
  await until(async () => (await agent.status()).outbox.pending === 0);
  fleet.brokerUp = false;
  const said = sayings(76, 1).map((saying, i) => ({ ...saying, split: i % 3 === 0 ? "holdout" : "train" }));
  for (const saying of said) await agent.label(saying);
  await agent.label({ id: "deadbeef".repeat(8), text: "so very happy", label: "joy", split: "train" });
  await agent.forget(said[4].id);
  await agent.learn({ report: true });
  await agent.report();
  controller.abort();
  await ended;

  const texts = ["so happy !", "the bazinga", "blimey is it"];
  const knew = {
    status: await agent.status(),
    journal: await agent.journal({ limit: 1_000_000 }),
    predictions: await Promise.all(texts.map(async (text) => ({ text, ...(await agent.predict({ text })) }))),
    utterances: said.filter((_, i) => i !== 4),
    outbox: [],
  };
  for await (const [, bytes] of store.entries("outbox/")) knew.outbox.push(Buffer.from(bytes).toString());
  expect(knew.outbox.length).toBeGreaterThan(2);
  // The files are read while the store is open, as a kill leaves them.
  const files = {};
  for (const name of await readdir(home, { recursive: true })) {
    const path = join(home, name);
    if ((await stat(path)).isFile()) files[relative(home, path)] = (await readFile(path)).toString("base64");
  }
  await writeFile(process.env.OUT, gzipSync(JSON.stringify({ files, knew }), { level: 9 }));
  await store.close();
  await rm(home, { recursive: true });
});
