// Stores planned rollouts, and starts one where the fleet is still as it was planned.

import { sha256 } from "@attune/platform/sha256";
import { canonicalJson } from "@attune/shared/canonical-json";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import { appendEvent } from "../access/event-chain.js";
import type { Author } from "../callers/roles.js";
import type { Prisma, PrismaClient, Rollout } from "../generated/prisma/client.js";
import {
  type DraftDevice,
  draftRollout,
  type ExclusionReason,
  type RolloutRequest,
  rolloutRequestSchema,
} from "./draft.plan.js";
import { inHashOrder, insertRollout, lockFleet, lockRelease } from "./rollout-writes.js";

export interface RolloutPreview {
  readonly plan: string;
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly fallback: number;
  /** The earlier release whose content the fallback has. */
  readonly fallbackContentOf: number;
  readonly devices: number;
  /** The bytes of files that the devices' releases do not have. A device fetches no more, and may have some chunks. */
  readonly bytes: number;
  readonly groups: readonly { readonly devices: readonly string[]; readonly bytes: number }[];
  readonly excluded: readonly { readonly device: string; readonly reason: ExclusionReason }[];
  readonly warnings: readonly string[];
}

interface Planned {
  readonly fleet: string;
  readonly request: RolloutRequest;
  readonly at: Date;
}

export interface RolloutPlanRepository {
  /** Throws NOT_FOUND for an unknown fleet or release, and CONFLICT for a fallback that cannot be one. */
  plan(planned: Planned & { readonly rollout: string }): Promise<RolloutPreview>;
  /**
   * Starts a planned rollout, once. Throws NOT_FOUND for an unknown plan, and CONFLICT where the fleet has changed
   * since, or the plan has no device.
   */
  apply(hash: string, decision: { readonly at: Date; readonly by: Author }): Promise<Rollout>;
}

/** A plan that nobody applied is forgotten. */
const planLifeMs = 30 * dayMs;

const transactionTimes = { maxWait: 30_000, timeout: 120_000 } as const;

export function createRolloutPlanRepository(prisma: PrismaClient): RolloutPlanRepository {
  return {
    plan: ({ rollout, fleet, request, at }) =>
      prisma.$transaction(async (tx) => {
        await lockFleet(tx, fleet);
        const preview = await draft(tx, { rollout, fleet, request, at });
        await tx.rolloutPlan.deleteMany({ where: { createdAt: { lt: new Date(at.getTime() - planLifeMs) } } });
        await tx.rolloutPlan.create({
          data: { hash: preview.plan, rolloutId: rollout, fleetName: fleet, request, createdAt: at },
        });
        return preview;
      }, transactionTimes),

    apply: (hash, { at, by }) =>
      prisma.$transaction(async (tx) => {
        const planned = await tx.rolloutPlan.findUnique({ where: { hash } });
        if (planned === null)
          throw new AppError("NOT_FOUND", `there is no plan ${hash}; make one with attune rollout plan`);
        const { rolloutId: id, fleetName: fleet } = planned;
        await lockFleet(tx, fleet);
        const started = await tx.rollout.findUnique({ where: { id } });
        if (started !== null) return started;
        const request = rolloutRequestSchema.parse(planned.request);
        const preview = await draft(tx, { rollout: id, fleet, request, at });
        if (preview.plan !== hash) {
          throw new AppError("CONFLICT", `fleet "${fleet}" has changed since this plan; make a new plan`);
        }
        if (preview.devices === 0) throw new AppError("CONFLICT", "the plan has no device; select others");
        const { releaseSequence, fallbackSequence, intake, policy } = request;
        const groups = preview.groups.map(({ devices }) => devices);
        const start = { id, fleet, releaseSequence, fallbackSequence, intake, policy, groups, at };
        const rollout = await insertRollout(tx, start);
        const details = { rollout: id, releaseSequence, plan: hash };
        await appendEvent(tx, { by, action: "rollout.apply", subject: fleet, details, atMs: at.getTime() });
        return rollout;
      }, transactionTimes),
  };
}

/** The draft by the fleet as it is now. Its hash covers the request, the devices of each group, and those left out. */
async function draft(
  tx: Prisma.TransactionClient,
  { rollout, fleet, request, at }: Planned & { readonly rollout: string },
): Promise<RolloutPreview> {
  const { releaseSequence, fallbackSequence } = request;
  await lockRelease(tx, releaseSequence, at);
  await lockRelease(tx, fallbackSequence, at);
  const fallbackContentOf = await contentBefore(tx, request);
  const devices = await readDevices(tx, fleet);
  const order = (ids: readonly string[]) => inHashOrder(rollout, ids);
  const { groups, excluded, warnings } = draftRollout(request, devices, order);
  const bytesOf = await bytesByRelease(tx, releaseSequence);
  const runningOf = new Map(devices.map(({ id, running }) => [id, running]));
  const withBytes = groups.map((members) => ({
    devices: members,
    bytes: members.reduce((sum, id) => sum + bytesOf(runningOf.get(id) ?? 0), 0),
  }));
  return {
    plan: sha256(canonicalJson({ rollout, fleet, request, groups, excluded })),
    ...{ fleet, releaseSequence, fallback: fallbackSequence, fallbackContentOf },
    devices: groups.reduce((sum, { length }) => sum + length, 0),
    bytes: withBytes.reduce((sum, { bytes }) => sum + bytes, 0),
    groups: withBytes,
    ...{ excluded, warnings },
  };
}

async function readDevices(tx: Prisma.TransactionClient, fleet: string): Promise<DraftDevice[]> {
  return tx.$queryRaw<DraftDevice[]>`
    SELECT d."id", d."revokedAt" IS NOT NULL AS revoked, d."deviceKind" AS kind, d."engine", d."memory", d."tags",
      d."releaseSequence" AS running, d."offeredSequence" AS offered, d."lastSeenAt",
      EXISTS (
        SELECT 1 FROM "Assignment" a JOIN "Rollout" r ON r."id" = a."rolloutId"
        WHERE a."deviceId" = d."id" AND a."state" IN ('waiting', 'open') AND r."status" IN ('active', 'paused')
      ) AS "isBusy"
    FROM "Device" d WHERE d."fleetName" = ${fleet} ORDER BY d."id"`;
}

/** The latest release before the rollout's with the fallback's files. Throws CONFLICT where there is none. */
async function contentBefore(
  tx: Prisma.TransactionClient,
  { releaseSequence, fallbackSequence }: RolloutRequest,
): Promise<number> {
  if (fallbackSequence <= releaseSequence) {
    throw new AppError(
      "CONFLICT",
      `release ${fallbackSequence} is no fallback of ${releaseSequence}: devices never go back, so publish the earlier content as a later release`,
    );
  }
  const [before] = await tx.$queryRaw<{ sequence: number }[]>`
    WITH content AS (
      SELECT "releaseSequence" AS sequence, string_agg("name" || ' ' || "sha256", ',' ORDER BY "name") AS files
      FROM "ModelArtifact" WHERE "releaseSequence" < ${releaseSequence} OR "releaseSequence" = ${fallbackSequence}
      GROUP BY "releaseSequence")
    SELECT earlier.sequence FROM content earlier JOIN content fallback ON fallback.files = earlier.files
    WHERE fallback.sequence = ${fallbackSequence} AND earlier.sequence < ${releaseSequence}
    ORDER BY earlier.sequence DESC LIMIT 1`;
  if (before !== undefined) return before.sequence;
  throw new AppError(
    "CONFLICT",
    `release ${fallbackSequence} has the content of no release before ${releaseSequence}; publish that content again under a new version`,
  );
}

/** The bytes of the release's files that a device with another release does not have. */
async function bytesByRelease(tx: Prisma.TransactionClient, sequence: number): Promise<(running: number) => number> {
  const rows = await tx.$queryRaw<{ running: number; bytes: number }[]>`
    SELECT v."sequence" AS running, COALESCE(sum(wanted."sizeBytes") FILTER (WHERE NOT EXISTS (
      SELECT 1 FROM "ModelArtifact" had
      WHERE had."releaseSequence" = v."sequence" AND had."sha256" = wanted."sha256")), 0)::float8 AS bytes
    FROM (SELECT "sequence" FROM "ModelVersion" UNION SELECT 0) v
    CROSS JOIN "ModelArtifact" wanted WHERE wanted."releaseSequence" = ${sequence} GROUP BY v."sequence"`;
  const bytes = new Map(rows.map((row) => [row.running, row.bytes]));
  return (running) => bytes.get(running) ?? bytes.get(0) ?? 0;
}
