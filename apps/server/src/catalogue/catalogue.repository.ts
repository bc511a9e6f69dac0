// Registered models, their versions and artifacts in the database. A version's sequence is the release's sequence.

import type { Comparison } from "@attune/shared/contracts/catalogue";
import type { Lineage } from "@attune/shared/contracts/lineage";
import type { Release2 } from "@attune/shared/contracts/release";
import type { ReleaseReference } from "@attune/shared/contracts/release-reference";
import { appendEvent, type Change } from "../access/event-chain.js";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { lockVersions, type StoredVersion, wholeVersion } from "./stored-version.js";

/** The words that a fleet manager keeps with a version. An absent word stays as it is. */
interface Annotation {
  readonly tags?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

export interface StoredManifests {
  readonly release: Release2;
  /** Null for labels that version 1 does not have. */
  readonly manifest1Sha256: string | null;
  readonly manifest2Sha256: string;
}

interface PublishSteps extends Pick<Change, "by" | "atMs"> {
  /** The model and version to publish; looked for first. */
  readonly model: string;
  readonly version: string;
  /** Kept with the version, unless the version has one. */
  readonly lineage: Lineage | undefined;
  /** Called where the version exists already. Throws to refuse the publication. */
  readonly existing: (version: StoredVersion) => Promise<void>;
  /** Makes the release for the next free sequence number, and stores its manifests. */
  readonly create: (sequence: number) => Promise<StoredManifests>;
}

export interface CatalogueRepository {
  /** One publication at a time: the next sequence number is taken and used in one transaction. */
  publish(steps: PublishSteps): Promise<StoredVersion>;
  list(): Promise<StoredVersion[]>;
  find(reference: ReleaseReference): Promise<StoredVersion | null>;
  /** The median over devices of their latest median time of a prediction with the release; null where none reported. */
  latencyOf(sequence: number): Promise<Comparison["latency"]["from"]>;
  /** `annotate` answers the new words, from the version as it is. Null where there is no such version. */
  annotate(
    reference: ReleaseReference,
    event: Pick<Change, "by" | "atMs">,
    annotate: (version: StoredVersion) => Annotation,
  ): Promise<StoredVersion | null>;
}

export function createCatalogueRepository(prisma: PrismaClient): CatalogueRepository {
  async function publish({
    model,
    version,
    lineage,
    existing,
    create,
    ...event
  }: PublishSteps): Promise<StoredVersion> {
    return prisma.$transaction(
      async (tx) => {
        await lockVersions(tx);
        const found = await tx.modelVersion.findUnique({
          where: { modelName_version: { modelName: model, version } },
          include: wholeVersion,
        });
        if (found !== null) {
          await existing(found);
          const { sequence } = found;
          const data = {
            ...(found.lineage === null && lineage !== undefined && { lineage }),
            // A restored version counts as recent, so that no collection follows at once.
            ...(found.collectedAt !== null && { collectedAt: null, createdAt: new Date() }),
          };
          return tx.modelVersion.update({ where: { sequence }, data, include: wholeVersion });
        }
        const last = await tx.modelVersion.aggregate({ _max: { sequence: true } });
        const { release, ...manifests } = await create((last._max.sequence ?? 0) + 1);
        await tx.registeredModel.upsert({ where: { name: model }, create: { name: model }, update: {} });
        const stored = await tx.modelVersion.create({
          data: {
            sequence: release.sequence,
            modelName: model,
            version,
            ...manifests,
            ...(lineage && { lineage }),
            featureIdentity: release.features.identity,
            issuedAt: new Date(release.issuedAt),
            expiresAt: new Date(release.expiresAt),
            artifacts: { create: release.files.map(({ name, sha256, sizeBytes }) => ({ name, sha256, sizeBytes })) },
          },
          include: wholeVersion,
        });
        const details = { model, version };
        await appendEvent(tx, { ...event, action: "release.publish", subject: String(stored.sequence), details });
        return stored;
      },
      { maxWait: 30_000, timeout: 60_000 },
    );
  }

  async function annotate(
    reference: ReleaseReference,
    event: Pick<Change, "by" | "atMs">,
    change: (version: StoredVersion) => Annotation,
  ): Promise<StoredVersion | null> {
    return prisma.$transaction(async (tx) => {
      const found = await tx.modelVersion.findFirst({ where: whereOf(reference) });
      if (found === null) return null;
      const { sequence } = found;
      // The lock admits one change at a time, so that no change is lost.
      await tx.$queryRaw`SELECT 1 FROM "ModelVersion" WHERE "sequence" = ${sequence} FOR NO KEY UPDATE`;
      const { tags, note } = change(
        await tx.modelVersion.findUniqueOrThrow({ where: { sequence }, include: wholeVersion }),
      );
      const data = { ...(tags && { tags: [...tags] }), ...(note !== undefined && { note }) };
      const annotated = await tx.modelVersion.update({ where: { sequence }, data, include: wholeVersion });
      await appendEvent(tx, { ...event, action: "release.annotate", subject: String(sequence) });
      return annotated;
    });
  }

  return {
    publish,
    list: () => prisma.modelVersion.findMany({ orderBy: { sequence: "asc" }, include: wholeVersion }),
    find: (reference) => prisma.modelVersion.findFirst({ where: whereOf(reference), include: wholeVersion }),
    annotate,
    latencyOf: (sequence) => latencyOf(prisma, sequence),
  };
}

async function latencyOf(prisma: PrismaClient, sequence: number): Promise<Comparison["latency"]["from"]> {
  // Reports of the first contract hold the time among their metrics.
  const [row] = await prisma.$queryRaw<{ devices: number; median: number | null }[]>`
    SELECT count(*)::int AS devices, percentile_disc(0.5) WITHIN GROUP (ORDER BY latest.p50)::int AS median
    FROM (
      SELECT DISTINCT ON ("deviceId") ("body"->>'predictP50')::float8 AS p50 FROM "Report"
      WHERE "releaseSequence" = ${sequence} AND "body"->>'predictP50' IS NOT NULL
      ORDER BY "deviceId", "receivedAt" DESC, "sequence" DESC
    ) latest`;
  const { devices, median } = row!;
  return median === null ? null : { devices, medianMicroseconds: median };
}

function whereOf(reference: ReleaseReference): Prisma.ModelVersionWhereInput {
  if ("sequence" in reference) return reference;
  const { model: modelName } = reference;
  if ("version" in reference) return { modelName, version: reference.version };
  return { aliases: { some: { modelName, alias: reference.alias } } };
}
