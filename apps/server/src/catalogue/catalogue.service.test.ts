// Publications with the repository and the stores in memory, of an extractor that is small enough to
// be checked in milliseconds.

import { generateKeyPairSync } from "node:crypto";
import { createTinyRelease, createTinyRelease2, type TinyRelease } from "@attune/fakes/tiny-release";
import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { readGolden } from "@attune/shared/contracts/golden";
import { labelSetOf, slugsOf } from "@attune/shared/contracts/label-set";
import {
  type ReleaseFile,
  type ReleaseManifest,
  release1Schema,
  release2Schema,
  releaseSchema,
} from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { pinnedRoot } from "@attune/shared/trust/root";
import { signedEnvelopeSchema, verifySigned } from "@attune/shared/trust/signed";
import { beforeEach, describe, expect, test } from "vitest";
import { createReleaseSigner, verifyEd25519 } from "../signing/sign.js";
import type { CatalogueRepository } from "./catalogue.repository.js";
import { type CatalogueService, createCatalogueService, type PublishRequest } from "./catalogue.service.js";
import { splitFile } from "./publish.js";
import type { StoredVersion } from "./stored-version.js";

const by = { actor: "nora", reason: null };
const noon = Date.UTC(2026, 0, 1, 12);
const signer = createReleaseSigner([generateKeyPairSync("ed25519").privateKey]);
const tiny = createTinyRelease();
const files = tiny.release.files;

function createMemoryStore() {
  const contents = new Map<string, Buffer>();
  return {
    contents,
    put: async (bytes: Uint8Array) => {
      contents.set(sha256(bytes), Buffer.from(bytes));
      return sha256(bytes);
    },
    read: async (hash: string) => contents.get(hash),
    has: async (hash: string) => contents.has(hash),
  };
}

/** Keeps versions in memory, numbered as the database numbers them. */
function createFakeRepository(): CatalogueRepository {
  const versions: StoredVersion[] = [];
  return {
    async publish({ model, version, lineage, existing, create }) {
      const found = versions.find((one) => one.modelName === model && one.version === version);
      if (found !== undefined) return existing(found).then(() => found);
      const { release, ...manifests } = await create(versions.length + 1);
      const stored: StoredVersion = {
        sequence: release.sequence,
        modelName: model,
        version,
        ...manifests,
        featureIdentity: release.features.identity,
        issuedAt: new Date(release.issuedAt),
        expiresAt: new Date(release.expiresAt),
        createdAt: new Date(noon),
        tags: [],
        note: "",
        collectedAt: null,
        lineage: lineage ?? null,
        aliases: [],
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
    find: async (reference) =>
      versions.find((one) => "sequence" in reference && one.sequence === reference.sequence) ?? null,
    annotate: async () => null,
    latencyOf: async () => null,
  };
}

let repository: CatalogueRepository;
let chunks: ReturnType<typeof createMemoryStore>;
let manifests: ReturnType<typeof createMemoryStore>;
let service: CatalogueService;
let request: PublishRequest;
beforeEach(async () => {
  repository = createFakeRepository();
  [chunks, manifests] = [createMemoryStore(), createMemoryStore()];
  for (const chunk of tiny.chunks.values()) await chunks.put(chunk);
  service = createService([1, 2]);
  request = { model: "tiny", modelVersion: "1.0.0", files, headRecipe: { kind: "linear" }, lifeDays: 90 };
});

function createService(versions: readonly number[]): CatalogueService {
  const contracts = { versions };
  const stores = { repository, chunkStore: chunks, manifests };
  return createCatalogueService({ ...stores, signer, contracts, publishedContract: versions[0]!, now: () => noon });
}

describe("a publication", () => {
  test("signs a manifest that says what a device needs and lasts for 90 days", async () => {
    const published = await service.publish(request, by);
    const envelope = signedEnvelopeSchema.parse(JSON.parse(String(await manifests.read(published.manifestSha256))));
    const root = pinnedRoot(signer.trustedKeys);
    const verified = await verifySigned(envelope, { root, role: "targets" }, verifyEd25519);
    const release = releaseSchema.parse(verified.ok && verified.value);
    expect(release).toMatchObject({
      sequence: 1,
      model: "tiny",
      modelVersion: "1.0.0",
      headRecipe: { kind: "linear" },
    });
    expect(release.features).toEqual(tiny.release.features);
    expect(Date.parse(release.expiresAt) - noon).toBe(90 * 86_400_000);
    expect((await service.get({ sequence: 1 })).release).toEqual(release);
  });

  test("of the same version with the same content is the same release; the next version has the next number", async () => {
    const first = await service.publish(request, by);
    expect(await service.publish(request, by)).toEqual(first);
    expect(await service.publish({ ...request, files: files.toReversed() }, by)).toEqual(first);
    expect(await service.publish({ ...request, modelVersion: "1.0.1" }, by)).toMatchObject({ sequence: 2 });
  });

  test("of the same version with other content is refused", async () => {
    await service.publish(request, by);
    const other = { ...request, headRecipe: { kind: "elm", hidden: 64, l2: 1 } } as const;
    await expect(service.publish(other, by)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await service.list()).toHaveLength(1);
  });

  test("that another publication of the same version overtakes is judged by that one's content", async () => {
    const elm = { kind: "elm", hidden: 64, l2: 1 } as const;
    const { publish } = repository;
    repository.publish = async (steps) => {
      repository.publish = publish;
      await service.publish({ ...request, headRecipe: elm }, by);
      return publish(steps);
    };
    await expect(service.publish(request, by)).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await service.get({ sequence: 1 })).release.headRecipe).toEqual(elm);
  });

  test("is refused where all sequence numbers are used", async () => {
    repository.publish = async ({ create }) => Promise.reject(await create(65_536));
    await expect(service.publish(request, by)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(manifests.contents.size).toBe(0);
  });

  test("that the database refuses is not listed", async () => {
    const fault = new AppError("DATABASE_UNAVAILABLE", "the connection broke");
    repository.publish = async () => Promise.reject(fault);
    await expect(service.publish(request, by)).rejects.toBe(fault);
    expect(await service.list()).toEqual([]);
  });
});

describe("the egress contract of a release", () => {
  const versionOf = async (sequence: number) => (await service.get({ sequence })).release.egressContractVersion;

  test("is the server's choice, or the version that the fleet manager chooses", async () => {
    await service.publish(request, by);
    await service.publish({ ...request, modelVersion: "1.0.1", egressContractVersion: 2 }, by);
    expect([await versionOf(1), await versionOf(2)]).toEqual([1, 2]);
  });

  test("is never a version that the server does not take", async () => {
    const chosen = service.publish({ ...request, egressContractVersion: 3 }, by);
    await expect(chosen).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("1, 2, not 3"),
    });
  });

  test("never changes: another choice for a published version is refused, and no choice keeps it", async () => {
    const first = await service.publish(request, by);
    const other = service.publish({ ...request, egressContractVersion: 2 }, by);
    await expect(other).rejects.toMatchObject({ code: "CONFLICT" });
    service = createService([2]);
    expect(await service.publish(request, by)).toEqual(first);
  });
});

const withModel = (change: (file: ReleaseFile) => ReleaseFile): PublishRequest => ({
  ...request,
  files: files.map((file) => (file.name === "model.safetensors" ? change(file) : file)),
});

describe("an upload", () => {
  test.each<[string, (file: ReleaseFile) => ReleaseFile, string]>([
    [
      "a chunk that was not uploaded",
      (file) => ({ ...file, chunks: file.chunks.with(1, { ...file.chunks[1]!, sha256: "0".repeat(64) }) }),
      "chunk 1 is not in the store",
    ],
    ["chunks in another order", (file) => ({ ...file, chunks: file.chunks.toReversed() }), "its sha256"],
    [
      "a chunk of another size",
      (file) => ({ ...file, chunks: file.chunks.with(0, { ...file.chunks[0]!, sizeBytes: 7 }) }),
      "bytes, not 7",
    ],
    ["another digest of the whole", (file) => ({ ...file, sha256: "0".repeat(64) }), "do not make up its sha256"],
    ["more bytes than an extractor may have", (file) => ({ ...file, sizeBytes: 2 ** 30 }), "bytes in all"],
    ["a file in the place of another", (file) => ({ ...file, name: "golden.json" }), "model.safetensors is missing"],
  ])("with %s is refused and nothing is published", async (_what, change, words) => {
    await expect(service.publish(withModel(change), by)).rejects.toThrow(words);
    await expect(service.publish(withModel(change), by)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await service.list()).toEqual([]);
  });

  test("of an extractor that is not what it claims to be is not published", async () => {
    const golden = splitFile("golden.json", new TextEncoder().encode("{}"));
    for (const chunk of golden.chunks) await chunks.put(chunk.bytes);
    const wrong = { ...request, files: files.map((file) => (file.name === "golden.json" ? golden.file : file)) };
    await expect(service.publish(wrong, by)).rejects.toMatchObject({ code: "INVALID_EXTRACTOR" });
    expect(await service.list()).toEqual([]);
  });
});

describe("the manifests of a release", () => {
  const payloadOf = async (hash: string | null) =>
    signedEnvelopeSchema.parse(JSON.parse(String(await manifests.read(hash!)))).payload;
  const readGoldenOf = async ({ files }: { files: readonly ReleaseFile[] }) => {
    const golden = files.find(({ name }) => name === "golden.json")!;
    return readGolden(Buffer.concat(golden.chunks.map(({ sha256 }) => chunks.contents.get(sha256)!)));
  };
  /** The request for an extractor, whose chunks are uploaded. */
  async function upload({ release, chunks: parts }: TinyRelease<ReleaseManifest>): Promise<PublishRequest> {
    for (const part of parts.values()) await chunks.put(part);
    return { ...request, files: release.files };
  }

  test("are one of each version, with the same files but for the form of the golden vectors", async () => {
    const looser = createTinyRelease({
      amendFiles: (files) => {
        const golden = JSON.parse(new TextDecoder().decode(files.get("golden.json")));
        files.set("golden.json", canonicalBytes({ ...golden, tolerance: 5e-3 }));
      },
    });
    const published = await service.publish(await upload(looser), by);
    const first = release1Schema.parse(await payloadOf(published.manifest1Sha256));
    const second = release2Schema.parse(await payloadOf(published.manifestSha256));
    const others = ({ files }: { files: readonly ReleaseFile[] }) => files.filter(({ name }) => name !== "golden.json");
    expect(others(second)).toEqual(others(first));
    expect(slugsOf(second.labels)).toEqual(first.labels);
    expect(second).toMatchObject({ sequence: first.sequence, features: first.features, fallback: null });
    expect(await readGoldenOf(first)).toMatchObject({ ok: true, value: { version: 1 } });
    expect(await readGoldenOf(second)).toMatchObject({ ok: true, value: { version: 2 } });
    const compact = { ...request, files: second.files };
    expect(await service.publish(compact, by)).toEqual(published);
  });

  test("have the same golden vectors where no compact form is exact enough", async () => {
    const published = await service.publish(request, by);
    const { files: first } = release1Schema.parse(await payloadOf(published.manifest1Sha256));
    expect(release2Schema.parse(await payloadOf(published.manifestSha256)).files).toEqual(first);
  });

  test("name the first egress contract to devices that read version 1 alone", async () => {
    const published = await service.publish({ ...request, egressContractVersion: 2 }, by);
    expect(await payloadOf(published.manifest1Sha256)).toMatchObject({ egressContractVersion: 1 });
    expect(await payloadOf(published.manifestSha256)).toMatchObject({ egressContractVersion: 2 });
  });

  test("show labels by the words that the fleet manager gives", async () => {
    const published = await service.publish({ ...request, words: { joy: "Freude" } }, by);
    const { labels } = release2Schema.parse(await payloadOf(published.manifestSha256));
    expect(labels.find(({ slug }) => slug === "joy")).toEqual({ slug: "joy", words: "Freude" });
    expect(labels.find(({ slug }) => slug === "anger")).toEqual({ slug: "anger", words: "anger" });
    await expect(service.publish(request, by)).rejects.toMatchObject({ code: "CONFLICT" });
    const unknown = service.publish({ ...request, words: { bliss: "Bliss" } }, by);
    await expect(unknown).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  test("fall back to a published release alone", async () => {
    await expect(service.publish({ ...request, fallback: 1 }, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await service.publish(request, by);
    const published = await service.publish({ ...request, modelVersion: "1.0.1", fallback: 1 }, by);
    expect(await payloadOf(published.manifestSha256)).toMatchObject({ sequence: 2, fallback: 1 });
  });

  test("are of version 2 alone for other labels than the seven", async () => {
    const labels = labelSetOf(["calm", "tense", "tired"]);
    const published = await service.publish(await upload(createTinyRelease2({ labels })), by);
    expect(published.manifest1Sha256).toBeNull();
    expect(release2Schema.parse(await payloadOf(published.manifestSha256)).labels).toEqual(labels);
    expect((await service.get({ sequence: published.sequence })).release.labels).toEqual(labels);
  });

  test("need labels that are slugs", async () => {
    const odd = createTinyRelease2({ labels: labelSetOf(["Calm", "tense"]) });
    await expect(service.publish(await upload(odd), by)).rejects.toMatchObject({ code: "INVALID_EXTRACTOR" });
  });
});

describe("a release that is asked for", () => {
  test("is refused where there is none", async () => {
    await expect(service.get({ sequence: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("is reported where its manifest is lost", async () => {
    await service.publish(request, by);
    manifests.contents.clear();
    await expect(service.get({ sequence: 1 })).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await expect(service.publish(request, by)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });
});
