// The catalogue of models and versions: checks an uploaded extractor and makes it a signed release.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type Comparison, maxTags, type VersionSummary } from "@attune/shared/contracts/catalogue";
import type { Contracts } from "@attune/shared/contracts/egress";
import { type Lineage, lineageSchema } from "@attune/shared/contracts/lineage";
import type { HeadRecipe, Release, ReleaseFile, ReleaseManifest } from "@attune/shared/contracts/release";
import type { ReleaseReference } from "@attune/shared/contracts/release-reference";
import { AppError } from "@attune/shared/errors";
import type { Author } from "../callers/roles.js";
import type { ChunkStore } from "../content/chunk-store.js";
import type { ReleaseSigner } from "../signing/sign.js";
import { assembleExtractor, assertStored } from "./assemble-extractor.js";
import type { CatalogueRepository, StoredManifests } from "./catalogue.repository.js";
import { type ComparedVersion, compareVersions } from "./compare.js";
import { checkExtractor } from "./extractor-check.js";
import {
  buildReleases,
  goldenFiles,
  labelsOf,
  type ReleaseContent,
  sameContent,
  splitFile,
  withFile,
} from "./publish.js";
import { readRelease } from "./read-manifest.js";
import type { StoredVersion } from "./stored-version.js";
import { assertNotCollected, newestManifest, noVersion, summaryOf } from "./version-summary.js";

interface CatalogueServiceDeps {
  readonly repository: CatalogueRepository;
  readonly chunkStore: Pick<ChunkStore, "put" | "read" | "has">;
  readonly manifests: Pick<ChunkStore, "put" | "read">;
  readonly signer: Pick<ReleaseSigner, "sign">;
  /** The versions of the egress contract that this server takes. */
  readonly contracts: Pick<Contracts, "versions">;
  /** The version that releases carry where the fleet manager chooses none. */
  readonly publishedContract: number;
  readonly now: () => number;
}

export interface PublishRequest {
  readonly model: string;
  readonly modelVersion: string;
  readonly files: readonly ReleaseFile[];
  readonly headRecipe: HeadRecipe;
  /** Words to show for labels, by slug. */
  readonly words?: Readonly<Record<string, string>> | undefined;
  readonly fallback?: number | null | undefined;
  readonly lifeDays: number;
  readonly egressContractVersion?: number | undefined;
  readonly lineage?: Lineage | undefined;
}

interface Annotations {
  readonly addTags?: readonly string[] | undefined;
  readonly removeTags?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

export interface CatalogueService {
  /**
   * Publishing the same content under the same version again returns the existing release. Throws INVALID_EXTRACTOR,
   * CONFLICT, NOT_FOUND for a fallback that is none, and INVALID_INPUT for a contract that this server does not take.
   */
  publish(request: PublishRequest, by: Author): Promise<VersionSummary>;
  list(): Promise<VersionSummary[]>;
  /** Throws NOT_FOUND. */
  get(
    reference: ReleaseReference,
  ): Promise<VersionSummary & { readonly release: Release; readonly lineage: Lineage | null }>;
  /** Throws NOT_FOUND. */
  compare(from: ReleaseReference, to: ReleaseReference): Promise<Comparison>;
  /** Changes tags and note, which no device sees. Throws NOT_FOUND, and INVALID_INPUT for too many tags. */
  annotate(reference: ReleaseReference, annotations: Annotations, by: Author): Promise<VersionSummary>;
}

export function createCatalogueService(deps: CatalogueServiceDeps): CatalogueService {
  const { repository, manifests, contracts, publishedContract } = deps;

  function assertTaken({ egressContractVersion: chosen }: PublishRequest): void {
    if (chosen !== undefined && !contracts.versions.includes(chosen)) {
      const taken = contracts.versions.join(", ");
      throw new AppError("INVALID_INPUT", `egressContractVersion: this server takes ${taken}, not ${chosen}`);
    }
  }

  /** Called while the repository admits no other publication and no collection. */
  async function assertPublishable({ fallback }: PublishRequest, files: readonly ReleaseFile[]): Promise<void> {
    await assertStored(deps.chunkStore, files);
    if (fallback === undefined || fallback === null) return;
    const version = await repository.find({ sequence: fallback });
    if (version === null) throw new AppError("NOT_FOUND", `there is no release ${fallback} to fall back to`);
    assertNotCollected(version);
  }

  async function found(reference: ReleaseReference): Promise<StoredVersion> {
    const version = await repository.find(reference);
    if (version === null) throw noVersion(reference);
    return version;
  }

  async function compared(reference: ReleaseReference): Promise<ComparedVersion> {
    const version = await found(reference);
    const release = await readRelease(manifests, version);
    const manifestBytes = (await manifests.read(newestManifest(version)))!.length;
    const latency = await repository.latencyOf(version.sequence);
    return { release, manifestBytes, lineage: lineageOf(version), latency };
  }

  return {
    async publish(request, by) {
      assertTaken(request);
      const prepared = await prepare(deps.chunkStore, request);
      const { model, modelVersion, egressContractVersion } = request;
      const stored = await repository.publish({
        model,
        version: modelVersion,
        by,
        atMs: deps.now(),
        lineage: request.lineage,
        existing: async (version) => {
          assertSameContent(await readRelease(manifests, version), request, prepared);
          await assertStored(deps.chunkStore, [...prepared.content.files, prepared.plainGolden]);
        },
        create: async (sequence) => {
          await assertPublishable(request, [...prepared.content.files, prepared.plainGolden]);
          const contract = egressContractVersion ?? publishedContract;
          return createManifests(deps, { ...request, ...prepared, sequence, egressContractVersion: contract });
        },
      });
      return summaryOf(stored);
    },

    list: async () => (await repository.list()).map(summaryOf),

    async get(reference) {
      const version = await found(reference);
      const release = await readRelease(manifests, version);
      return { ...summaryOf(version), release, lineage: lineageOf(version) };
    },

    compare: async (from, to) => compareVersions(await compared(from), await compared(to)),

    async annotate(reference, { addTags = [], removeTags = [], note }, by) {
      const version = await repository.annotate(reference, { by, atMs: deps.now() }, ({ tags: present }) => {
        const tags = [...new Set([...present, ...addTags])].filter((tag) => !removeTags.includes(tag)).sort();
        if (tags.length > maxTags) throw new AppError("INVALID_INPUT", `tags: a version has at most ${maxTags}`);
        return { tags, note };
      });
      if (version === null) throw noVersion(reference);
      return summaryOf(version);
    },
  };
}

function lineageOf({ lineage }: StoredVersion): Lineage | null {
  return lineage === null ? null : lineageSchema.parse(lineage);
}

interface Prepared {
  readonly features: Release["features"];
  readonly content: ReleaseContent;
  /** golden.json as devices read it that read manifests of version 1 alone. */
  readonly plainGolden: ReleaseFile;
}

/** Checks the uploaded files, and stores golden.json in the form of each version. */
async function prepare(chunkStore: CatalogueServiceDeps["chunkStore"], request: PublishRequest): Promise<Prepared> {
  const { files, headRecipe, words = {}, fallback = null } = request;
  const given = await assembleExtractor(chunkStore, files);
  const { features, classes, golden } = checkExtractor(given);
  const { plain, compact } = goldenFiles(given["golden.json"], golden);

  async function store(bytes: Uint8Array): Promise<ReleaseFile> {
    const { file, chunks } = splitFile("golden.json", bytes);
    for (const chunk of chunks) await chunkStore.put(chunk.bytes);
    return file;
  }

  const labels = labelsOf(classes, words);
  const content = withFile({ headRecipe, labels, fallback, files }, await store(compact));
  return { features, content, plainGolden: await store(plain) };
}

type ManifestInput = Pick<PublishRequest, "model" | "modelVersion" | "lifeDays"> &
  Prepared & { readonly sequence: number; readonly egressContractVersion: number };

/** Signs and stores the manifests of a new release. */
async function createManifests(
  { manifests, signer, now }: Pick<CatalogueServiceDeps, "manifests" | "signer" | "now">,
  { content, ...input }: ManifestInput,
): Promise<StoredManifests> {
  const sign = (release: ReleaseManifest) => manifests.put(canonicalBytes(signer.sign(release)));
  const { first, second } = buildReleases({ ...input, ...content, issuedAtMs: now() });
  return {
    release: second,
    manifest1Sha256: first === undefined ? null : await sign(first),
    manifest2Sha256: await sign(second),
  };
}

/**
 * Throws CONFLICT for other content than the published. A request without a version of the egress contract
 * leaves the published version.
 */
function assertSameContent(published: Release, request: PublishRequest, { content, plainGolden }: Prepared): void {
  const { model, modelVersion, egressContractVersion = published.egressContractVersion } = request;
  const wanted = published.version === 1 ? withFile(content, plainGolden) : content;
  if (sameContent(published, { ...wanted, egressContractVersion })) return;
  throw new AppError(
    "CONFLICT",
    `${model} ${modelVersion} is published with other content; a version never changes: choose the next one`,
  );
}
