// A stored version as the fleet manager sees it, and the fault for a version that is not there.

import type { VersionSummary } from "@attune/shared/contracts/catalogue";
import type { ReleaseReference } from "@attune/shared/contracts/release-reference";
import { AppError } from "@attune/shared/errors";
import type { StoredVersion } from "./stored-version.js";

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
    collectedAt: version.collectedAt?.toISOString() ?? null,
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

/** The content of a collected version is gone, until it is published again. */
export function assertNotCollected({ sequence, collectedAt }: Pick<StoredVersion, "sequence" | "collectedAt">): void {
  if (collectedAt === null) return;
  throw new AppError(
    "CONFLICT",
    `the content of release ${sequence} was collected at ${collectedAt.toISOString()}; publish it again first`,
  );
}
