// Stores rollouts in the database: a history of decisions for each fleet, of which the latest active one counts.

import { AppError } from "@attune/shared/errors";
import type { PrismaClient } from "../generated/prisma/client.js";

export type RolloutRepository = ReturnType<typeof createRolloutRepository>;

export function createRolloutRepository(prisma: PrismaClient) {
  /** Ends the fleet's active rollout and starts this one, both or neither. A rollout of the same release stays as it is. */
  async function start({ fleet, releaseSequence, at }: { fleet: string; releaseSequence: number; at: Date }) {
    return prisma.$transaction(async (tx) => {
      // The lock admits one decision about a fleet at a time.
      const [locked] = await tx.$queryRaw<{ name: string }[]>`
        SELECT "name" FROM "Fleet" WHERE "name" = ${fleet} FOR UPDATE`;
      if (locked === undefined) throw new AppError("NOT_FOUND", `there is no fleet "${fleet}"`);
      const release = await tx.modelVersion.findUnique({ where: { sequence: releaseSequence } });
      if (release === null) throw new AppError("NOT_FOUND", `there is no release ${releaseSequence}`);
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
      return tx.rollout.create({ data: { fleetName: fleet, releaseSequence, status: "active", createdAt: at } });
    });
  }

  async function latest(fleet: string) {
    return prisma.rollout.findFirst({ where: { fleetName: fleet }, orderBy: { createdAt: "desc" } });
  }

  async function find(id: string) {
    return prisma.rollout.findUnique({ where: { id } });
  }

  /** The release that the fleet's devices should run; null before the first rollout. */
  async function activeTarget(fleet: string) {
    const rollout = await prisma.rollout.findFirst({
      where: { fleetName: fleet, status: "active" },
      orderBy: { createdAt: "desc" },
      include: { modelVersion: { select: { manifest1Sha256: true, manifest2Sha256: true } } },
    });
    if (rollout === null) return null;
    return { sequence: rollout.releaseSequence, ...rollout.modelVersion };
  }

  async function devicesOf(fleet: string) {
    return prisma.device.findMany({
      where: { fleetName: fleet },
      select: { id: true, revokedAt: true, lastSeenAt: true, releaseSequence: true, state: true, reason: true },
      orderBy: { enrolledAt: "asc" },
    });
  }

  /** The latest verdict of each device of the fleet on the release, by device. */
  async function verdictsOn({ fleetName, releaseSequence }: { fleetName: string; releaseSequence: number }) {
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
