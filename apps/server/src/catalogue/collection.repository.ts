// The names of each version, and the mark of a version whose content is given up, in the database.

import { type VersionName, versionNames } from "@attune/shared/contracts/catalogue";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { appendEvent, type Change } from "../access/event-chain.js";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { backupLock } from "./backup-lock.js";
import { lockVersions, type StoredVersion, wholeVersion } from "./stored-version.js";

/** The versions whose content is kept, and what names each version, by its number. */
export interface NamedVersions {
  readonly versions: readonly StoredVersion[];
  readonly names: ReadonlyMap<number, ReadonlySet<VersionName>>;
}

export interface CollectionRepository {
  named(): Promise<NamedVersions>;
  /** Marks the versions that `decide` collects. An alias or rollout that names one waits meanwhile. */
  mark<T extends { readonly collect: readonly number[] }>(
    event: Pick<Change, "by" | "atMs">,
    decide: (named: NamedVersions) => Promise<T>,
  ): Promise<T>;
  /** Calls `free` with the versions whose content is kept, while none is published. */
  whileLocked<T>(free: (kept: readonly StoredVersion[]) => Promise<T>): Promise<T>;
}

const longTransaction = { maxWait: 30_000, timeout: 300_000 } as const;

export function createCollectionRepository(prisma: PrismaClient): CollectionRepository {
  return {
    named: () => prisma.$transaction(readNamed, { isolationLevel: "RepeatableRead" }),

    mark: (event, decide) =>
      prisma.$transaction(async (tx) => {
        await assertNoBackup(tx);
        await lockVersions(tx);
        // An alias or rollout locks the version that it will name. This lock waits for those that began, and later
        // ones see the mark.
        await tx.$queryRaw`SELECT 1 FROM "ModelVersion" WHERE "collectedAt" IS NULL FOR UPDATE`;
        const decision = await decide(await readNamed(tx));
        const where = { sequence: { in: [...decision.collect] } };
        await tx.modelVersion.updateMany({ where, data: { collectedAt: new Date(event.atMs) } });
        const details = { collected: decision.collect.join(",") };
        const change = { ...event, action: "release.collect", subject: "releases", details };
        if (decision.collect.length > 0) await appendEvent(tx, change);
        return decision;
      }, longTransaction),

    whileLocked: (free) =>
      prisma.$transaction(async (tx) => {
        await assertNoBackup(tx);
        await lockVersions(tx);
        return free(await keptVersions(tx));
      }, longTransaction),
  };
}

/** A backup copies the content that its rows name. Throws CONFLICT. */
async function assertNoBackup(tx: Prisma.TransactionClient): Promise<void> {
  const [row] = await tx.$queryRaw<{ locked: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${backupLock}::bigint) AS locked`;
  if (row?.locked !== true)
    throw new AppError("CONFLICT", "a backup or another collection is under way; retry after it");
}

const keptVersions = (tx: Prisma.TransactionClient) =>
  tx.modelVersion.findMany({ where: { collectedAt: null }, orderBy: { sequence: "asc" }, include: wholeVersion });

const nameSchema = z.object({ sequence: z.int(), kind: z.enum(versionNames) });

/**
 * All that names a version is in this query, but for the fallbacks that manifests name. A revoked device downloads
 * nothing more.
 */
async function readNamed(tx: Prisma.TransactionClient): Promise<NamedVersions> {
  const rows = await tx.$queryRaw`
    SELECT "releaseSequence" AS sequence, 'alias' AS kind FROM "ModelAlias"
    UNION SELECT "releaseSequence", 'rollout' FROM "Rollout" WHERE "status" <> 'superseded'
    UNION SELECT "fallbackSequence", 'fallback' FROM "Rollout"
      WHERE "status" <> 'superseded' AND "fallbackSequence" IS NOT NULL
    UNION SELECT "releaseSequence", 'device' FROM "Device" WHERE "revokedAt" IS NULL
    UNION SELECT "offeredSequence", 'device' FROM "Device" WHERE "revokedAt" IS NULL`;
  const names = new Map<number, Set<VersionName>>();
  for (const { sequence, kind } of z.array(nameSchema).parse(rows)) {
    names.set(sequence, (names.get(sequence) ?? new Set()).add(kind));
  }
  return { versions: await keptVersions(tx), names };
}
