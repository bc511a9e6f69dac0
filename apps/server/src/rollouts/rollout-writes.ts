// Writes of rollouts within a larger transaction: locks, the start of one, and the end of the undecided.

import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import type { Prisma, Rollout } from "../generated/prisma/client.js";
import type { Policy } from "./rollout.plan.js";

interface NewRollout {
  readonly id: string;
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly fallbackSequence: number | null;
  readonly intake: boolean;
  readonly policy: Policy;
  /** The devices of each group, in the order of hashes. */
  readonly groups: readonly (readonly string[])[];
  readonly at: Date;
}

/** Admits one decision about a fleet at a time. Throws NOT_FOUND. */
export async function lockFleet(tx: Prisma.TransactionClient, fleet: string): Promise<void> {
  const locked = await tx.$queryRaw<unknown[]>`SELECT 1 FROM "Fleet" WHERE "name" = ${fleet} FOR UPDATE`;
  if (locked.length === 0) throw new AppError("NOT_FOUND", `there is no fleet "${fleet}"`);
}

/** Throws NOT_FOUND, and CONFLICT for a release that was collected or has expired. */
export async function lockRelease(tx: Prisma.TransactionClient, sequence: number, at: Date): Promise<void> {
  // The lock makes a collection of the release wait, or this rollout see the collection.
  await tx.$queryRaw`SELECT 1 FROM "ModelVersion" WHERE "sequence" = ${sequence} FOR KEY SHARE`;
  const release = await tx.modelVersion.findUnique({ where: { sequence } });
  if (release === null) throw new AppError("NOT_FOUND", `there is no release ${sequence}`);
  if (release.collectedAt !== null) {
    throw new AppError("CONFLICT", `the content of release ${sequence} was collected; publish it again first`);
  }
  if (release.expiresAt <= at) {
    const ended = release.expiresAt.toISOString();
    throw new AppError("CONFLICT", `release ${sequence} expired at ${ended}; no device would accept it`);
  }
}

/** Stores a rollout whose first group has started. From then on its membership is frozen. */
export async function insertRollout(tx: Prisma.TransactionClient, start: NewRollout): Promise<Rollout> {
  const { id, fleet, releaseSequence, fallbackSequence, intake, policy, groups, at } = start;
  const rollout = await tx.rollout.create({
    data: {
      ...{ id, fleetName: fleet, releaseSequence, fallbackSequence, intake, status: "active", createdAt: at },
      ...policy,
      deadlineMs: BigInt(policy.deadlineMs),
      groups: {
        create: groups.map((_, index) =>
          index === 0
            ? { index, state: "active", deadlineAt: new Date(at.getTime() + policy.deadlineMs) }
            : { index, state: "waiting" },
        ),
      },
    },
  });
  const devices = groups.flat();
  const groupOf = groups.flatMap((members, group) => members.map(() => group));
  await tx.$executeRaw`
    INSERT INTO "Assignment" ("rolloutId", "deviceId", "group", "rank", "state")
    SELECT ${id}::uuid, s."device", s."group", s."rank" - 1, CASE WHEN s."group" = 0 THEN 'open' ELSE 'waiting' END
    FROM unnest(${devices}::text[], ${groupOf}::int[]) WITH ORDINALITY AS s("device", "group", "rank")`;
  return rollout;
}

/** An order of devices that nobody can choose before the rollout exists. */
export function inHashOrder(rollout: string, devices: readonly string[]): string[] {
  const keyed = devices.map((device) => ({ device, key: sha256(`${rollout}:${device}`) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ device }) => device);
}

/** Gives every undecided device and group of an ended rollout its end. */
export async function cancelUndecided(tx: Prisma.TransactionClient, rolloutId: string): Promise<void> {
  const undecided = { rolloutId, state: { in: ["waiting", "open"] } };
  await tx.assignment.updateMany({ where: undecided, data: { state: "cancelled" } });
  const unended = { rolloutId, state: { in: ["waiting", "active"] } };
  await tx.rolloutGroup.updateMany({ where: unended, data: { state: "cancelled" } });
}
