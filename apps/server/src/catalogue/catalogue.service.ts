// The catalogue of models and versions: checks an uploaded extractor and makes it a signed release.
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { Contracts } from "@attune/shared/contracts/egress";
import {
  type HeadRecipe,
  type Release,
  type ReleaseFile,
  type ReleaseFileName,
  releaseFileNames,
  releaseSchema,
} from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import type { ChunkStore } from "../content/chunk-store.js";
import type { ReleaseSigner } from "../signing/sign.js";
import type { CatalogueRepository, StoredVersion } from "./catalogue.repository.js";
import { checkExtractor, type ExtractorFiles } from "./extractor-check.js";
import { buildRelease, sameContent } from "./publish.js";

export interface CatalogueServiceDeps {
  readonly repository: CatalogueRepository;
  readonly chunkStore: Pick<ChunkStore, "read">;
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
  readonly lifeDays: number;
  readonly egressContractVersion?: number | undefined;
}

export type CatalogueService = ReturnType<typeof createCatalogueService>;

/** An extractor is checked in memory. Devices of this product are not meant to run larger extractors. */
const maximumExtractorBytes = 2 ** 30;

export function createCatalogueService(deps: CatalogueServiceDeps) {
  const { repository, chunkStore, manifests, signer, contracts, publishedContract, now } = deps;

  /** Publishing the same content under the same version again answers the existing release. Throws INVALID_EXTRACTOR, CONFLICT. */
  async function publish(request: PublishRequest) {
    const { model, modelVersion, headRecipe, lifeDays, egressContractVersion } = request;
    if (egressContractVersion !== undefined && !contracts.versions.includes(egressContractVersion)) {
      throw new AppError(
        "INVALID_INPUT",
        `egressContractVersion: this server takes ${contracts.versions.join(", ")}, not ${egressContractVersion}`,
      );
    }
    const files = await assemble(request.files);
    const extractor = checkExtractor(files);
    const stored = await repository.publish({
      model,
      version: modelVersion,
      existing: async (version) => {
        const release = await readRelease(version);
        const wanted = { ...request, egressContractVersion: egressContractVersion ?? release.egressContractVersion };
        if (sameContent(release, wanted)) return version;
        throw new AppError(
          "CONFLICT",
          `${model} ${modelVersion} is published with other content; a version never changes: choose the next one`,
        );
      },
      create: async (sequence) => {
        const release = buildRelease({
          sequence,
          model,
          modelVersion,
          headRecipe,
          files: request.files,
          extractor,
          issuedAtMs: now(),
          lifeDays,
          egressContractVersion: egressContractVersion ?? publishedContract,
        });
        const manifestSha256 = await manifests.put(canonicalBytes(signer.sign(release)));
        return { release, manifestSha256 };
      },
    });
    return describe(stored);
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
    const bytes = await manifests.read(version.manifestSha256);
    if (bytes === undefined) {
      throw new AppError("STORE_CORRUPT", `the manifest of release ${version.sequence} is missing from the store`);
    }
    return releaseSchema.parse(signedEnvelopeSchema.parse(JSON.parse(bytes.toString("utf8"))).payload);
  }

  async function assemble(files: readonly ReleaseFile[]): Promise<ExtractorFiles> {
    if (files.reduce((sum, file) => sum + file.sizeBytes, 0) > maximumExtractorBytes) {
      throw new AppError("INVALID_INPUT", `files: more than ${maximumExtractorBytes} bytes in all`);
    }
    const assembled = {} as Record<ReleaseFileName, Uint8Array>;
    for (const name of releaseFileNames) {
      const file = files.find((one) => one.name === name);
      if (file === undefined) throw new AppError("INVALID_INPUT", `files: ${name} is missing`);
      assembled[name] = await assembleFile(file);
    }
    return assembled;
  }

  async function assembleFile({ name, sizeBytes, sha256, chunks }: ReleaseFile): Promise<Uint8Array> {
    const bytes = new Uint8Array(sizeBytes);
    let offset = 0;
    for (const [index, chunk] of chunks.entries()) {
      const content = await chunkStore.read(chunk.sha256);
      if (content === undefined) {
        throw new AppError("INVALID_INPUT", `${name}: chunk ${index} is not in the store; upload it first`);
      }
      if (content.length !== chunk.sizeBytes) {
        throw new AppError(
          "INVALID_INPUT",
          `${name}: chunk ${index} has ${content.length} bytes, not ${chunk.sizeBytes}`,
        );
      }
      bytes.set(content, offset);
      offset += content.length;
    }
    if (sha256Of(bytes) !== sha256)
      throw new AppError("INVALID_INPUT", `${name}: the chunks do not make up its sha256`);
    return bytes;
  }

  return { publish, list, get };
}

function describe(version: StoredVersion) {
  return {
    sequence: version.sequence,
    model: version.modelName,
    modelVersion: version.version,
    manifestSha256: version.manifestSha256,
    featureIdentity: version.featureIdentity,
    issuedAt: version.issuedAt.toISOString(),
    expiresAt: version.expiresAt.toISOString(),
    sizeBytes: version.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0),
  };
}
