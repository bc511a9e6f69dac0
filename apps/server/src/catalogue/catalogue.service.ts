// The catalogue of models and versions: checks an uploaded extractor and makes it a signed release.

import { canonicalBytes } from "@attune/shared/canonical-json";
import type { Contracts } from "@attune/shared/contracts/egress";
import {
  type HeadRecipe,
  type Release,
  type ReleaseFile,
  type ReleaseFileName,
  type ReleaseManifest,
  releaseSchema,
} from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import type { ChunkStore } from "../content/chunk-store.js";
import type { ReleaseSigner } from "../signing/sign.js";
import { assembleExtractor } from "./assemble-extractor.js";
import type { CatalogueRepository, StoredVersion } from "./catalogue.repository.js";
import { checkExtractor } from "./extractor-check.js";
import { buildReleases, goldenFiles, labelsOf, sameContent, splitFile, withFile } from "./publish.js";

export interface CatalogueServiceDeps {
  readonly repository: CatalogueRepository;
  readonly chunkStore: Pick<ChunkStore, "put" | "read">;
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
}

export type CatalogueService = ReturnType<typeof createCatalogueService>;

export function createCatalogueService(deps: CatalogueServiceDeps) {
  const { repository, chunkStore, manifests, signer, contracts, publishedContract, now } = deps;

  /** Publishing the same content under the same version again answers the existing release. Throws INVALID_EXTRACTOR, CONFLICT. */
  async function publish(request: PublishRequest) {
    const { model, modelVersion, fallback = null, lifeDays, egressContractVersion } = request;
    if (egressContractVersion !== undefined && !contracts.versions.includes(egressContractVersion)) {
      throw new AppError(
        "INVALID_INPUT",
        `egressContractVersion: this server takes ${contracts.versions.join(", ")}, not ${egressContractVersion}`,
      );
    }
    const { features, content, plainGolden } = await prepare(request);
    if (fallback !== null && (await repository.find(fallback)) === null) {
      throw new AppError("NOT_FOUND", `there is no release ${fallback} to fall back to`);
    }
    const stored = await repository.publish({
      model,
      version: modelVersion,
      existing: async (version) => {
        const published = await readRelease(version);
        const wanted = published.version === 1 ? withFile(content, plainGolden) : content;
        const spoken = { egressContractVersion: egressContractVersion ?? published.egressContractVersion };
        if (sameContent(published, { ...wanted, ...spoken })) return version;
        throw new AppError(
          "CONFLICT",
          `${model} ${modelVersion} is published with other content; a version never changes: choose the next one`,
        );
      },
      create: async (sequence) => {
        const { first, second } = buildReleases({
          ...content,
          sequence,
          model,
          modelVersion,
          features,
          plainGolden,
          issuedAtMs: now(),
          lifeDays,
          egressContractVersion: egressContractVersion ?? publishedContract,
        });
        return {
          release: second,
          manifest1Sha256: first === undefined ? null : await sign(first),
          manifest2Sha256: await sign(second),
        };
      },
    });
    return describe(stored);
  }

  /** Checks the uploaded files, and stores golden.json in the form of each version. */
  async function prepare({ files, headRecipe, words = {}, fallback = null }: PublishRequest) {
    const given = await assembleExtractor(chunkStore, files);
    const { features, classes, golden } = checkExtractor(given);
    const { plain, compact } = goldenFiles(given["golden.json"], golden);
    const labels = labelsOf(classes, words);
    const content = withFile({ headRecipe, labels, fallback, files }, await store("golden.json", compact));
    return { features, content, plainGolden: await store("golden.json", plain) };
  }

  async function sign(release: ReleaseManifest): Promise<string> {
    return manifests.put(canonicalBytes(signer.sign(release)));
  }

  async function store(name: ReleaseFileName, bytes: Uint8Array): Promise<ReleaseFile> {
    const { file, chunks } = splitFile(name, bytes);
    for (const chunk of chunks) await chunkStore.put(chunk.bytes);
    return file;
  }

  async function list() {
    return (await repository.list()).map(describe);
  }

  async function get(sequence: number) {
    const version = await repository.find(sequence);
    if (version === null) throw new AppError("NOT_FOUND", `there is no release ${sequence}`);
    return { ...describe(version), release: await readRelease(version) };
  }

  async function readRelease(version: StoredVersion): Promise<Release> {
    const bytes = await manifests.read(newestManifest(version));
    if (bytes === undefined) {
      throw new AppError("STORE_CORRUPT", `the manifest of release ${version.sequence} is missing from the store`);
    }
    return releaseSchema.parse(signedEnvelopeSchema.parse(JSON.parse(bytes.toString("utf8"))).payload);
  }

  return { publish, list, get };
}

function describe(version: StoredVersion) {
  return {
    sequence: version.sequence,
    model: version.modelName,
    modelVersion: version.version,
    /** The newest version of the manifest. */
    manifestSha256: newestManifest(version),
    /** The manifest for devices that read version 1 alone; null where such devices cannot run the release. */
    manifest1Sha256: version.manifest1Sha256,
    featureIdentity: version.featureIdentity,
    issuedAt: version.issuedAt.toISOString(),
    expiresAt: version.expiresAt.toISOString(),
    sizeBytes: version.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0),
  };
}

/** Every version has a manifest of version 1 or 2. */
function newestManifest({ manifest1Sha256, manifest2Sha256 }: StoredVersion): string {
  return (manifest2Sha256 ?? manifest1Sha256)!;
}
