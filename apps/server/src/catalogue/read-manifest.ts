// Reads the manifests of a version from the store.

import { type Release, releaseSchema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import type { ChunkStore } from "../content/chunk-store.js";
import type { StoredVersion } from "./stored-version.js";
import { newestManifest } from "./version-summary.js";

type Manifests = Pick<ChunkStore, "read">;

/** The release as its newest manifest describes it. Throws STORE_CORRUPT. */
export function readRelease(manifests: Manifests, version: StoredVersion): Promise<Release> {
  return readManifest(manifests, version, newestManifest(version));
}

/** The release as each of its manifests describes it. Throws STORE_CORRUPT. */
export function readManifests(manifests: Manifests, version: StoredVersion): Promise<Release[]> {
  const hashes = [version.manifest1Sha256, version.manifest2Sha256].filter((hash) => hash !== null);
  return Promise.all(hashes.map((hash) => readManifest(manifests, version, hash)));
}

async function readManifest(manifests: Manifests, { sequence }: StoredVersion, sha256: string): Promise<Release> {
  const bytes = await manifests.read(sha256);
  if (bytes === undefined) {
    throw new AppError("STORE_CORRUPT", `the manifest of release ${sequence} is missing from the store`);
  }
  return releaseSchema.parse(signedEnvelopeSchema.parse(JSON.parse(bytes.toString("utf8"))).payload);
}
