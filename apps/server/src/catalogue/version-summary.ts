// A stored version as the fleet manager sees it, and the fault for a version that is not there.

import type { ReleaseReference, VersionSummary } from "@attune/shared/contracts/catalogue";
import { AppError } from "@attune/shared/errors";
import type { StoredVersion } from "./catalogue.repository.js";

export function summaryOf(version: StoredVersion): VersionSummary {
  return {
    sequence: version.sequence,
    model: version.modelName,
    modelVersion: version.version,
    manifestSha256: newestManifest(version),
    manifest1Sha256: version.manifest1Sha256,
    featureIdentity: version.featureIdentity,
    issuedAt: version.issuedAt.toISOString(),
    expiresAt: version.expiresAt.toISOString(),
    sizeBytes: version.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0),
    aliases: version.aliases.map(({ alias }) => alias),
    tags: version.tags,
    note: version.note,
  };
}

/** Every version has a manifest of version 1 or 2. */
export function newestManifest({ manifest1Sha256, manifest2Sha256 }: StoredVersion): string {
  return (manifest2Sha256 ?? manifest1Sha256)!;
}

export function noVersion(reference: ReleaseReference): AppError {
  if ("sequence" in reference) return new AppError("NOT_FOUND", `there is no release ${reference.sequence}`);
  const { model } = reference;
  if ("version" in reference) return new AppError("NOT_FOUND", `model ${model} has no version ${reference.version}`);
  return new AppError("NOT_FOUND", `model ${model} has no alias "${reference.alias}"`);
}
