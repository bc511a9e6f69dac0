// Registered models, their versions and artifacts in the database. A version's sequence is the release's sequence.

import type { Release2 } from "@attune/shared/contracts/release";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";

export type StoredVersion = Prisma.ModelVersionGetPayload<{ include: { artifacts: true } }>;

export interface StoredManifests {
  readonly release: Release2;
  /** Null for labels that version 1 does not have. */
  readonly manifest1Sha256: string | null;
  readonly manifest2Sha256: string;
}

interface PublishSteps {
  /** The model and version to publish; looked for first. */
  readonly model: string;
  readonly version: string;
  /** Called where the version exists already; its answer is the result. */
  readonly existing: (version: StoredVersion) => Promise<StoredVersion>;
  /** Makes the release for the next free sequence number, and stores its manifests. */
  readonly create: (sequence: number) => Promise<StoredManifests>;
}

export interface CatalogueRepository {
  /** One publication at a time: the next sequence number is taken and used in one transaction. */
  publish(steps: PublishSteps): Promise<StoredVersion>;
  list(): Promise<StoredVersion[]>;
  find(sequence: number): Promise<StoredVersion | null>;
}

export function createCatalogueRepository(prisma: PrismaClient): CatalogueRepository {
  async function publish({ model, version, existing, create }: PublishSteps): Promise<StoredVersion> {
    return prisma.$transaction(
      async (tx) => {
        await tx.$executeRaw`LOCK TABLE "ModelVersion" IN SHARE ROW EXCLUSIVE MODE`;
        const found = await tx.modelVersion.findUnique({
          where: { modelName_version: { modelName: model, version } },
          include: { artifacts: true },
        });
        if (found !== null) return existing(found);
        const last = await tx.modelVersion.aggregate({ _max: { sequence: true } });
        const { release, ...manifests } = await create((last._max.sequence ?? 0) + 1);
        await tx.registeredModel.upsert({ where: { name: model }, create: { name: model }, update: {} });
        return tx.modelVersion.create({
          data: {
            sequence: release.sequence,
            modelName: model,
            version,
            ...manifests,
            featureIdentity: release.features.identity,
            issuedAt: new Date(release.issuedAt),
            expiresAt: new Date(release.expiresAt),
            artifacts: { create: release.files.map(({ name, sha256, sizeBytes }) => ({ name, sha256, sizeBytes })) },
          },
          include: { artifacts: true },
        });
      },
      { maxWait: 30_000, timeout: 60_000 },
    );
  }

  async function list(): Promise<StoredVersion[]> {
    return prisma.modelVersion.findMany({ orderBy: { sequence: "asc" }, include: { artifacts: true } });
  }

  async function find(sequence: number): Promise<StoredVersion | null> {
    return prisma.modelVersion.findUnique({ where: { sequence }, include: { artifacts: true } });
  }

  return { publish, list, find };
}
