// Finds the release that a device should run: the newest that its rollouts owe it. An older rollout never overtakes.

import { Prisma, type PrismaClient } from "../generated/prisma/client.js";

/** A release that a device should run, and its manifests by version. */
interface OwedRelease {
  readonly sequence: number;
  readonly manifest1Sha256: string | null;
  readonly manifest2Sha256: string | null;
}

interface Poller {
  readonly id: string;
  readonly fleetName: string;
  /** The state that the device says now. It is about the release before the offer. */
  readonly state: string;
}

interface TargetRepository {
  /**
   * The release that the device should run; null before its first. `takesOffer`: the poll is the device's own latest.
   * Its offer is recorded before the answer, and a late device joins a rollout with intake. Another poll gets no new
   * offer, and a device that reads no manifest of the release is offered nothing.
   */
  targetOf(device: Poller, poll: PollForOffer): Promise<OwedRelease | null>;
}

interface Owed extends OwedRelease {
  readonly rollout: string;
  /** `offered`: recorded before. `fresh`: not offered yet. `joins`: the device would join the rollout. */
  readonly offer: "offered" | "fresh" | "joins";
}

/** A fleet manager may pause a rollout between a look and an offer; then the device is looked at again. */
const maxLooks = 5;

interface PollForOffer {
  readonly takesOffer: boolean;
  /** The newest version of a manifest that the device reads. */
  readonly reads: number;
  readonly atMs: number;
}

export function createTargetRepository(prisma: PrismaClient): TargetRepository {
  return {
    async targetOf(device, { takesOffer, reads, atMs }) {
      for (let look = 0; look < maxLooks; look++) {
        const owed = await newestOwed(prisma, device, takesOffer);
        if (owed === undefined) return null;
        const { rollout, offer, ...release } = owed;
        if (offer !== "offered" && release.manifest1Sha256 === null && reads < 2) return null;
        if (offer === "offered" || (await recordOffer(prisma, { device, rollout, offer, atMs }))) return release;
      }
      return null;
    },
  };
}

/**
 * A pause holds all devices that were offered nothing. After a stop the devices that were offered the release go to its
 * fallback, and the others keep their earlier target. A device without a place follows the rollouts with intake.
 */
async function newestOwed(
  prisma: PrismaClient,
  { id, fleetName }: Poller,
  takesOffer: boolean,
): Promise<Owed | undefined> {
  const [owed] = await prisma.$queryRaw<Owed[]>`
    WITH mine AS (
      SELECT r."id" AS rollout, r."createdAt",
        CASE
          WHEN a."offeredAt" IS NOT NULL THEN COALESCE(r."revertsTo", r."releaseSequence")
          WHEN a."deviceId" IS NOT NULL THEN CASE
            WHEN r."status" = 'completed' THEN r."releaseSequence"
            WHEN r."status" = 'active' AND a."state" NOT IN ('waiting', 'removed') THEN r."releaseSequence" END
          WHEN r."status" = 'active' AND EXISTS (
            SELECT 1 FROM "RolloutGroup" g WHERE g."rolloutId" = r."id" AND g."index" = (
              SELECT max("index") FROM "RolloutGroup" WHERE "rolloutId" = r."id") AND (
                g."state" = 'active' OR g."state" = 'passed' AND NOT EXISTS (
                  SELECT 1 FROM "Assignment" x WHERE x."rolloutId" = r."id"))) THEN r."releaseSequence"
          WHEN r."status" IN ('completed', 'superseded') THEN r."releaseSequence"
          ELSE r."revertsTo"
        END AS sequence,
        CASE
          WHEN a."offeredAt" IS NOT NULL THEN 'offered'
          WHEN a."deviceId" IS NOT NULL THEN 'fresh'
          WHEN r."status" = 'active' THEN 'joins'
          ELSE 'offered'
        END AS offer
      FROM "Rollout" r LEFT JOIN "Assignment" a ON a."rolloutId" = r."id" AND a."deviceId" = ${id}
      WHERE r."fleetName" = ${fleetName} AND (a."deviceId" IS NOT NULL OR r."intake")
    )
    SELECT mine.rollout, mine.offer, v."sequence", v."manifestSha256" AS "manifest1Sha256", v."manifest2Sha256"
    FROM mine JOIN "ModelVersion" v ON v."sequence" = mine.sequence
    WHERE v."collectedAt" IS NULL AND (mine.offer = 'offered' OR ${takesOffer})
    ORDER BY v."sequence" DESC, mine.offer = 'offered' DESC, mine."createdAt" DESC LIMIT 1`;
  return owed;
}

interface Offer extends Pick<Owed, "rollout"> {
  readonly device: Poller;
  readonly offer: "fresh" | "joins";
  readonly atMs: number;
}

/** False where the rollout's state has changed since the look. */
async function recordOffer(prisma: PrismaClient, { device, rollout, offer, atMs }: Offer): Promise<boolean> {
  return prisma.$transaction(async (tx) => {
    // Steps of the rollout wait for the offer, or the offer for the steps. Joining devices wait for each other.
    const mode = offer === "joins" ? Prisma.sql`FOR UPDATE` : Prisma.sql`FOR SHARE`;
    const [row] = await tx.$queryRaw<{ status: string; deadlineMs: bigint }[]>`
      SELECT "status", "deadlineMs" FROM "Rollout" WHERE "id" = ${rollout}::uuid ${mode}`;
    if (row === undefined || (row.status !== "active" && row.status !== "completed")) return false;
    const offered = {
      offeredAt: new Date(atMs),
      deadlineAt: new Date(atMs + Number(row.deadlineMs)),
      judgedState: device.state,
    };
    if (offer === "fresh") {
      const state = row.status === "active" ? { notIn: ["waiting", "removed"] } : {};
      const where = { rolloutId: rollout, deviceId: device.id, offeredAt: null, state };
      return (await tx.assignment.updateMany({ where, data: offered })).count === 1;
    }
    const last = await tx.rolloutGroup.findFirst({ where: { rolloutId: rollout }, orderBy: { index: "desc" } });
    const { _max, _count } = await tx.assignment.aggregate({
      where: { rolloutId: rollout },
      _max: { rank: true },
      _count: true,
    });
    // An empty group passes at once, and its first device opens it again.
    const reopens = last?.state === "passed" && _count === 0;
    if (row.status !== "active" || last === null || !(last.state === "active" || reopens)) return false;
    if (reopens) {
      const group = { rolloutId_index: { rolloutId: rollout, index: last.index } };
      await tx.rolloutGroup.update({ where: group, data: { state: "active", deadlineAt: offered.deadlineAt } });
    }
    const place = {
      rolloutId: rollout,
      deviceId: device.id,
      group: last.index,
      rank: _count === 0 ? 0 : _max.rank! + 1,
    };
    // Two polls of one device may join at once.
    await tx.assignment.createMany({ data: [{ ...place, state: "open", ...offered }], skipDuplicates: true });
    return true;
  });
}
