// Counts for the metrics, over all fleets: no count names a device.

import type { PrismaClient } from "../generated/prisma/client.js";
import type { VerdictCount } from "./verdict-counts.js";

export interface MetricsRepository {
  /** The devices of the rollouts that are under way, by their state in them. */
  rolloutDevices(): Promise<{ state: string; devices: number }[]>;
  /** The first verdict of each device on each release, counted. */
  verdicts(): Promise<VerdictCount[]>;
  /** The releases whose content is kept. */
  releases(): Promise<{ sequence: number; expiresAt: Date }[]>;
}

export function createMetricsRepository(prisma: PrismaClient): MetricsRepository {
  return {
    async rolloutDevices() {
      const where = { rollout: { status: { in: ["active", "paused"] } } };
      const rows = await prisma.assignment.groupBy({ by: ["state"], where, _count: true });
      return rows.map(({ state, _count }) => ({ state, devices: _count }));
    },

    verdicts: () => prisma.$queryRaw<VerdictCount[]>`
      SELECT "releaseSequence", verdict, count(*)::int AS devices FROM (
        SELECT DISTINCT ON ("deviceId", "releaseSequence") "releaseSequence", "body"->>'verdict' AS verdict
        FROM "Report" WHERE "type" = 'report.verdict' AND "body"->>'verdict' IS NOT NULL
        ORDER BY "deviceId", "releaseSequence", "receivedAt", "sequence") AS first
      GROUP BY "releaseSequence", verdict`,

    releases: () =>
      prisma.modelVersion.findMany({
        where: { collectedAt: null },
        select: { sequence: true, expiresAt: true },
        orderBy: { sequence: "asc" },
      }),
  };
}
