// Stores rollouts in the database: a history of decisions for each fleet, of which the latest active one counts.

import { AppError } from "@attune/shared/errors";
import { appendEvent } from "../access/event-chain.js";
import type { Author } from "../callers/roles.js";
import type { Device, Prisma, PrismaClient, Rollout } from "../generated/prisma/client.js";

interface RolloutStart {
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly at: Date;
  readonly by: Author;
}

type RolloutDevice = Pick<Device, "id" | "revokedAt" | "lastSeenAt" | "releaseSequence" | "state" | "reason">;

/** A release that a fleet should run, and its manifests by version. */
interface RolloutTarget {
  readonly sequence: number;
  readonly manifest1Sha256: string | null;
  readonly manifest2Sha256: string | null;
}

export interface RolloutRepository {
  /**
   * Ends the fleet's active rollout and starts this one, both or neither. A rollout of the same release stays as
   * it is. Throws NOT_FOUND for an unknown fleet or release, and CONFLICT for a release that has expired or is
   * older than the fleet's.
   */
  start(input: RolloutStart): Promise<Rollout>;
  latest(fleet: string): Promise<Rollout | null>;
  find(id: string): Promise<Rollout | null>;
  /** The release that the fleet's devices should run; null before the first rollout. */
  activeTarget(fleet: string): Promise<RolloutTarget | null>;
  devicesOf(fleet: string): Promise<RolloutDevice[]>;
  /** The latest verdict of each device of the fleet on the release, by device. */
  verdictsOn(rollout: Pick<Rollout, "fleetName" | "releaseSequence">): Promise<ReadonlyMap<string, string>>;
}

/** Throws NOT_FOUND, and CONFLICT for a collected release. */
async function lockRelease(tx: Prisma.TransactionClient, sequence: number) {
  // The lock makes a collection of the release wait, or this rollout see the collection.
  await tx.$queryRaw`SELECT 1 FROM "ModelVersion" WHERE "sequence" = ${sequence} FOR KEY SHARE`;
  const release = await tx.modelVersion.findUnique({ where: { sequence } });
  if (release === null) throw new AppError("NOT_FOUND", `there is no release ${sequence}`);
  if (release.collectedAt === null) return release;
  throw new AppError("CONFLICT", `the content of release ${sequence} was collected; publish it again first`);
}

export function createRolloutRepository(prisma: PrismaClient): RolloutRepository {
  async function start({ fleet, releaseSequence, at, by }: RolloutStart): Promise<Rollout> {
    return prisma.$transaction(async (tx) => {
      // The lock admits one decision about a fleet at a time.
      const [locked] = await tx.$queryRaw<{ name: string }[]>`
        SELECT "name" FROM "Fleet" WHERE "name" = ${fleet} FOR UPDATE`;
      if (locked === undefined) throw new AppError("NOT_FOUND", `there is no fleet "${fleet}"`);
      const release = await lockRelease(tx, releaseSequence);
      if (release.expiresAt <= at) {
        throw new AppError(
          "CONFLICT",
          `release ${releaseSequence} expired at ${release.expiresAt.toISOString()}; no device would accept it`,
        );
      }
      const active = await tx.rollout.findFirst({
        where: { fleetName: fleet, status: "active" },
        orderBy: { createdAt: "desc" },
      });
      if (active?.releaseSequence === releaseSequence) return active;
      if (active !== null && active.releaseSequence > releaseSequence) {
        throw new AppError(
          "CONFLICT",
          `release ${releaseSequence} is older than ${active.releaseSequence}, which the fleet has; devices never go back: publish the older content as a new release`,
        );
      }
      await tx.rollout.updateMany({
        where: { fleetName: fleet, status: "active" },
        data: { status: "superseded", endedAt: at },
      });
      const data = { fleetName: fleet, releaseSequence, status: "active", createdAt: at };
      const rollout = await tx.rollout.create({ data });
      const details = { rollout: rollout.id, releaseSequence };
      await appendEvent(tx, { by, action: "rollout.create", subject: fleet, details, atMs: at.getTime() });
      return rollout;
    });
  }

  async function latest(fleet: string): Promise<Rollout | null> {
    return prisma.rollout.findFirst({ where: { fleetName: fleet }, orderBy: { createdAt: "desc" } });
  }

  async function find(id: string): Promise<Rollout | null> {
    return prisma.rollout.findUnique({ where: { id } });
  }

  async function activeTarget(fleet: string): Promise<RolloutTarget | null> {
    const rollout = await prisma.rollout.findFirst({
      where: { fleetName: fleet, status: "active" },
      orderBy: { createdAt: "desc" },
      include: { modelVersion: { select: { manifest1Sha256: true, manifest2Sha256: true } } },
    });
    if (rollout === null) return null;
    return { sequence: rollout.releaseSequence, ...rollout.modelVersion };
  }

  async function devicesOf(fleet: string): Promise<RolloutDevice[]> {
    return prisma.device.findMany({
      where: { fleetName: fleet },
      select: { id: true, revokedAt: true, lastSeenAt: true, releaseSequence: true, state: true, reason: true },
      orderBy: { enrolledAt: "asc" },
    });
  }

  async function verdictsOn({
    fleetName,
    releaseSequence,
  }: Pick<Rollout, "fleetName" | "releaseSequence">): Promise<ReadonlyMap<string, string>> {
    const rows = await prisma.$queryRaw<{ device: string; verdict: string }[]>`
      SELECT DISTINCT ON (report."deviceId") report."deviceId" AS device, report."body"->>'verdict' AS verdict
      FROM "Report" report JOIN "Device" device ON device."id" = report."deviceId"
      WHERE device."fleetName" = ${fleetName} AND report."type" = 'report.verdict'
        AND report."releaseSequence" = ${releaseSequence} AND report."body"->>'verdict' IS NOT NULL
      ORDER BY report."deviceId", report."receivedAt" DESC, report."sequence" DESC`;
    return new Map(rows.map(({ device, verdict }) => [device, verdict]));
  }

  return { start, latest, find, activeTarget, devicesOf, verdictsOn };
}
