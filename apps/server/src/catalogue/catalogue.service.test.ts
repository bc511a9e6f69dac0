import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ReleaseFile, releaseFileNames, releaseSchema } from "@attune/shared/contracts/release";
import { pinnedRoot } from "@attune/shared/trust/root";
import { signedEnvelopeSchema, verifySigned } from "@attune/shared/trust/signed";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ChunkStore, createChunkStore } from "../content/chunk-store.js";
import { openReleaseSigner, type ReleaseSigner, verifyEd25519 } from "../signing/sign.js";
import type { CatalogueRepository, StoredVersion } from "./catalogue.repository.js";
import { createCatalogueService, type PublishRequest } from "./catalogue.service.js";
import { splitFile } from "./publish.js";

const folder = fileURLToPath(new URL("../../../../assets/extractor/", import.meta.url));
const noon = Date.UTC(2026, 0, 1, 12);
let directory: string;
let chunkStore: ChunkStore;
let manifests: ChunkStore;
let signer: ReleaseSigner;
let files: ReleaseFile[];
let service: ReturnType<typeof createCatalogueService>;
let request: PublishRequest;

/** Keeps versions in memory, numbered as the database numbers them. */
function createFakeRepository(): CatalogueRepository {
  const versions: StoredVersion[] = [];
  return {
    async publish({ model, version, existing, create }) {
      const found = versions.find((one) => one.modelName === model && one.version === version);
      if (found !== undefined) return existing(found);
      const { release, manifestSha256 } = await create(versions.length + 1);
      const stored: StoredVersion = {
        sequence: release.sequence,
        modelName: model,
        version,
        manifestSha256,
        featureIdentity: release.features.identity,
        issuedAt: new Date(release.issuedAt),
        expiresAt: new Date(release.expiresAt),
        createdAt: new Date(noon),
        artifacts: release.files.map(({ name, sha256, sizeBytes }) => ({
          releaseSequence: release.sequence,
          name,
          sha256,
          sizeBytes,
        })),
      };
      versions.push(stored);
      return stored;
    },
    list: async () => versions,
    find: async (sequence) => versions.find((one) => one.sequence === sequence) ?? null,
  };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-catalogue-"));
  chunkStore = createChunkStore(join(directory, "chunks"), 262_144);
  manifests = createChunkStore(join(directory, "manifests"), 1_048_576);
  signer = await openReleaseSigner(join(directory, "keys"));
  files = [];
  for (const name of releaseFileNames) {
    const { file, chunks } = splitFile(name, readFileSync(`${folder}${name}`));
    for (const chunk of chunks) await chunkStore.put(chunk.bytes);
    files.push(file);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(() => {
  service = createCatalogueService({
    repository: createFakeRepository(),
    chunkStore,
    manifests,
    signer,
    contracts: { newest: 1 },
    now: () => noon,
  });
  request = { model: "tiny", modelVersion: "1.0.0", files, headRecipe: { kind: "linear" }, lifeDays: 90 };
});

test("publishing signs a manifest that says what a device needs and lasts for 90 days", async () => {
  const published = await service.publish(request);
  const bytes = await manifests.read(published.manifestSha256);
  const envelope = signedEnvelopeSchema.parse(JSON.parse(String(bytes)));
  const root = pinnedRoot(signer.trustedKeys);
  const verified = await verifySigned(envelope, { root, role: "targets" }, verifyEd25519);
  const release = releaseSchema.parse(verified.ok && verified.value);
  expect(release).toMatchObject({ sequence: 1, model: "tiny", modelVersion: "1.0.0", headRecipe: { kind: "linear" } });
  expect(release.files.flatMap((file) => file.chunks).length).toBeGreaterThan(releaseFileNames.length);
  expect(Date.parse(release.expiresAt) - noon).toBe(90 * 86_400_000);
});

test("the same version with the same content is the same release; the next version has the next number", async () => {
  const first = await service.publish(request);
  expect(await service.publish(request)).toEqual(first);
  expect(await service.publish({ ...request, files: files.toReversed() })).toEqual(first);
  expect(await service.publish({ ...request, modelVersion: "1.0.1" })).toMatchObject({ sequence: 2 });
});

test("the same version with other content is refused", async () => {
  await service.publish(request);
  const other = { ...request, headRecipe: { kind: "elm", hidden: 64, l2: 1 } } as const;
  await expect(service.publish(other)).rejects.toMatchObject({ code: "CONFLICT" });
  expect(await service.list()).toHaveLength(1);
});

const withModel = (change: (file: ReleaseFile) => ReleaseFile): PublishRequest => ({
  ...request,
  files: files.map((file) => (file.name === "model.safetensors" ? change(file) : file)),
});

test.each<[string, (file: ReleaseFile) => ReleaseFile, string]>([
  [
    "a chunk that was not uploaded",
    (file) => ({ ...file, chunks: file.chunks.with(2, { ...file.chunks[2]!, sha256: "0".repeat(64) }) }),
    "chunk 2 is not in the store",
  ],
  [
    "chunks in another order",
    (file) => ({ ...file, chunks: [file.chunks[1]!, file.chunks[0]!, ...file.chunks.slice(2)] }),
    "do not make up its sha256",
  ],
  [
    "a chunk of another size",
    (file) => ({ ...file, chunks: file.chunks.with(0, { ...file.chunks[0]!, sizeBytes: 7 }) }),
    "bytes, not 7",
  ],
  ["another digest of the whole", (file) => ({ ...file, sha256: "0".repeat(64) }), "do not make up its sha256"],
])("%s is refused and nothing is published", async (_what, change, words) => {
  await expect(service.publish(withModel(change))).rejects.toThrow(words);
  await expect(service.publish(withModel(change))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  expect(await service.list()).toEqual([]);
});

test("an extractor that is not what it claims to be is not published", async () => {
  const { file, chunks } = splitFile("golden.json", new TextEncoder().encode("{}"));
  for (const chunk of chunks) await chunkStore.put(chunk.bytes);
  const wrong = { ...request, files: files.map((one) => (one.name === "golden.json" ? file : one)) };
  await expect(service.publish(wrong)).rejects.toMatchObject({ code: "INVALID_EXTRACTOR" });
  expect(await service.list()).toEqual([]);
});
