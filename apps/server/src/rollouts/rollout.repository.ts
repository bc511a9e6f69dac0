// Stores rollouts in the database, and reads the devices, groups and verdicts of each.

import { randomUUID } from "node:crypto";
import { AppError } from "@attune/shared/errors";
import { appendEvent } from "../access/event-chain.js";
import type { Author } from "../callers/roles.js";
import type { Device, PrismaClient, Rollout, RolloutGroup } from "../generated/prisma/client.js";
import { defaultPolicy } from "./rollout.plan.js";
import { cancelUndecided, inHashOrder, insertRollout, lockFleet, lockRelease } from "./rollout-writes.js";

interface RolloutStart {
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly at: Date;
  readonly by: Author;
}

type RolloutDevice = Pick<Device, "id" | "revokedAt" | "lastSeenAt" | "releaseSequence" | "state" | "reason"> & {
  /** Null for a device that has not joined yet. */
  readonly group: number | null;
  readonly assignment: string | null;
};

export interface GroupRow extends Pick<RolloutGroup, "index" | "state" | "deadlineAt"> {
  readonly devices: number;
  /** The group's devices by the states of their assignments. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A fleet of a hundred thousand devices is placed well within this time. */
const startTimes = { maxWait: 30_000, timeout: 120_000 } as const;

export interface RolloutRepository {
  /**
   * Ends the fleet's active rollouts and starts this one for the whole fleet at once, all or none. A rollout of the
   * same release stays as it is. Throws NOT_FOUND for an unknown fleet or release, and CONFLICT for a release that has
   * expired, was collected, or is older than the fleet's.
   */
  start(input: RolloutStart): Promise<Rollout>;
  latest(fleet: string): Promise<Rollout | null>;
  find(id: string): Promise<Rollout | null>;
  groupsOf(rollout: string): Promise<GroupRow[]>;
  /** The devices of the rollout, and those that may still join it. */
  devicesOf(rollout: Pick<Rollout, "id" | "fleetName" | "intake">): Promise<RolloutDevice[]>;
  /** The latest verdict of each device of the fleet on the release, by device. */
  verdictsOn(rollout: Pick<Rollout, "fleetName" | "releaseSequence">): Promise<ReadonlyMap<string, string>>;
}

export function createRolloutRepository(prisma: PrismaClient): RolloutRepository {
  async function start({ fleet, releaseSequence, at, by }: RolloutStart): Promise<Rollout> {
    return prisma.$transaction(async (tx) => {
      await lockFleet(tx, fleet);
      await lockRelease(tx, releaseSequence, at);
      const earlier = await tx.rollout.findMany({ where: { fleetName: fleet } });
      const standing = earlier.filter(({ status }) => ["active", "paused", "completed"].includes(status));
      const same = standing.findLast((one) => one.intake && one.releaseSequence === releaseSequence);
      if (same !== undefined) return same;
      assertNewest(releaseSequence, earlier);
      for (const { id } of standing.filter(({ status }) => status !== "completed")) {
        await tx.rollout.update({ where: { id }, data: { status: "superseded", endedAt: at } });
        await cancelUndecided(tx, id);
      }
      const devices = await tx.device.findMany({ where: { fleetName: fleet, revokedAt: null }, select: { id: true } });
      const id = randomUUID();
      const members = inHashOrder(
        id,
        devices.map((device) => device.id),
      );
      const whole = { fallbackSequence: null, intake: true, policy: defaultPolicy, groups: [members] };
      const rollout = await insertRollout(tx, { id, fleet, releaseSequence, ...whole, at });
      const details = { rollout: id, releaseSequence };
      await appendEvent(tx, { by, action: "rollout.create", subject: fleet, details, atMs: at.getTime() });
      return rollout;
    }, startTimes);
  }

  async function latest(fleet: string): Promise<Rollout | null> {
    return prisma.rollout.findFirst({ where: { fleetName: fleet }, orderBy: { createdAt: "desc" } });
  }

  async function find(id: string): Promise<Rollout | null> {
    return prisma.rollout.findUnique({ where: { id } });
  }

  async function groupsOf(rollout: string): Promise<GroupRow[]> {
    return prisma.$queryRaw<GroupRow[]>`
      SELECT g."index", g."state", g."deadlineAt", count(a.*)::int AS devices,
        COALESCE((SELECT jsonb_object_agg(by."state", by.n) FROM (
          SELECT "state", count(*) AS n FROM "Assignment"
          WHERE "rolloutId" = g."rolloutId" AND "group" = g."index" GROUP BY "state") by), '{}') AS counts
      FROM "RolloutGroup" g
      LEFT JOIN "Assignment" a ON a."rolloutId" = g."rolloutId" AND a."group" = g."index"
      WHERE g."rolloutId" = ${rollout}::uuid GROUP BY g."rolloutId", g."index" ORDER BY g."index"`;
  }

  async function devicesOf({ id, fleetName, intake }: Pick<Rollout, "id" | "fleetName" | "intake">) {
    return prisma.$queryRaw<RolloutDevice[]>`
      SELECT d."id", d."revokedAt", d."lastSeenAt", d."releaseSequence", d."state", d."reason",
        a."group", a."state" AS assignment
      FROM "Device" d LEFT JOIN "Assignment" a ON a."deviceId" = d."id" AND a."rolloutId" = ${id}::uuid
      WHERE d."fleetName" = ${fleetName} AND (a."deviceId" IS NOT NULL OR ${intake})
      ORDER BY d."enrolledAt", d."id"`;
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

  return { start, latest, find, groupsOf, devicesOf, verdictsOn };
}

/** Throws CONFLICT where the fleet has a newer release. */
function assertNewest(releaseSequence: number, earlier: readonly Rollout[]): void {
  const owed = earlier.map(({ status, releaseSequence, revertsTo }) =>
    ["active", "paused", "completed"].includes(status) ? releaseSequence : (revertsTo ?? 0),
  );
  const newest = Math.max(0, ...owed);
  if (newest <= releaseSequence) return;
  throw new AppError(
    "CONFLICT",
    `release ${releaseSequence} is older than ${newest}, which the fleet has; devices never go back: publish the older content as a new release`,
  );
}
