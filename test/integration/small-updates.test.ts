// The bytes on the wire of an update: the bundled extractor, a real server, and an agent over a link that counts.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { homePaths } from "@attune/edge-agent/node/home";
import { openAgent } from "@attune/edge-agent/node/open-agent";
import { openLink, type TroubledLink } from "@attune/fakes/troubled-link";
import { featureIdentity } from "@attune/ml/features/identity";
import { parseSafetensors, serializeSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { sha256 } from "@attune/platform/sha256";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { firstContract } from "@attune/shared/contracts/egress";
import { compactGolden, readGolden } from "@attune/shared/contracts/golden";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

const bundled = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
let link: TroubledLink;
let scratch: string;
let token: string;
let releases = 0;
let firstBytes: number;

beforeAll(async () => {
  server = await startTestServer();
  scratch = await mkdtemp(join(tmpdir(), "attune-updates-"));
  link = await openLink(Number(new URL(server.app.httpUrl).port));
  await createFleet(server, "home");
  token = await createToken(server, "home");
  firstBytes = await update(bundled);
});
afterAll(async () => {
  await link?.close();
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** Publishes the folder and rolls it out. Returns the bytes that an agent and the server exchange until it runs. */
async function update(folder: string, words: Record<string, string> = {}): Promise<number> {
  releases++;
  const { access } = server;
  const modelVersion = `1.0.${releases}`;
  // A device of contract 1 that has no utterances takes a release at once.
  const release = { model: "mine", modelVersion, words, egressContractVersion: firstContract };
  const { sequence } = await publishFolder(access, { folder, ...release });
  await askServer(access, (client) => client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }));
  const before = link.carriedBytes;
  const { agent, close } = await openAgent({
    paths: homePaths(join(scratch, "agent")),
    server: `http://127.0.0.1:${link.port}`,
    outboxLimit: 100,
    threads: 1,
    log: () => undefined,
  });
  const controller = new AbortController();
  try {
    if ((await agent.status()).device === null) await agent.enrol({ token });
    const ended = agent.start(controller.signal);
    await eventually(async () => expect((await agent.status()).release?.sequence).toBe(sequence), 60_000);
    controller.abort();
    await ended;
  } finally {
    controller.abort();
    await close();
  }
  return link.carriedBytes - before;
}

type Files = Readonly<Record<string, Uint8Array>>;

/** A copy of the bundled extractor with some files in place of its own. */
async function bundledWith(name: string, files: Files): Promise<string> {
  const folder = join(scratch, name);
  await cp(bundled, folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
  return folder;
}

const readBundled = async (file: string) => new Uint8Array(await readFile(join(bundled, file)));

/** The tensor of float numbers, each times `factor`. */
function scaled(file: TensorFile, name: string, factor: number): void {
  const data = file.tensors.get(name)!.data as Float64Array;
  for (const [i, x] of data.entries()) data[i] = factor * x;
}

/** The bundled head with other weights, for features of this identity. */
async function otherHead(identity?: string): Promise<Uint8Array> {
  const head = parseSafetensors(await readBundled("prior-head.safetensors"));
  for (const name of head.tensors.keys()) scaled(head, name, 1.01);
  const metadata = JSON.stringify(head.metadata).replace(/[0-9a-f]{64}/, (own) => identity ?? own);
  return serializeSafetensors({ ...head, metadata: JSON.parse(metadata) });
}

/** A DR that halves each feature, with golden vectors and a head for such features. */
async function otherReduction(): Promise<Files> {
  const reduction = parseSafetensors(await readBundled("dr.safetensors"));
  scaled(reduction, "scale", 2);
  const dr = serializeSafetensors(reduction);
  const digests = new Map([["dr.safetensors", sha256(dr)]]);
  for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
    digests.set(name, sha256(await readBundled(name)));
  }
  const { attune } = JSON.parse(new TextDecoder().decode(await readBundled("config.json")));
  const golden = readGolden(await readBundled("golden.json"));
  if (!golden.ok) throw new Error(golden.detail);
  const vectors = golden.value.vectors.map(({ ids, features }) => ({ ids, features: features.map((x) => x / 2) }));
  return {
    "dr.safetensors": dr,
    "golden.json": compactGolden({ ...golden.value, vectors })!,
    "prior-head.safetensors": await otherHead(sha256(featureIdentity((name) => digests.get(name)!, attune))),
  };
}

test("the same bytes under another version take less than 20 kB, where the first download took all", async () => {
  expect(firstBytes).toBeGreaterThan(7_900_000);
  expect(await update(bundled)).toBeLessThan(20_000);
});

test("another prior head and other words of labels take less than 100 kB", async () => {
  const folder = await bundledWith("head", { "prior-head.safetensors": await otherHead() });
  expect(await update(folder, { joy: "Delight" })).toBeLessThan(100_000);
});

test("another DR, with the golden vectors and the prior head that follow from it, takes less than 100 kB", async () => {
  expect(await update(await bundledWith("reduction", await otherReduction()))).toBeLessThan(100_000);
});
