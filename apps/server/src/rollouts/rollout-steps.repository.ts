// Takes the steps of rollouts in the database: a snapshot, a decision and its writes are one transaction.

import { type Verdict, verdictSchema } from "@attune/shared/contracts/current-state";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { appendEvent } from "../access/event-chain.js";
import type { Author } from "../callers/roles.js";
import type { Prisma, PrismaClient, Rollout } from "../generated/prisma/client.js";
import { type Assignment, assignmentStates, type Member } from "./member.plan.js";
import { groupStates, isUnderway, rolloutStatuses, type Snapshot, type Step } from "./rollout.plan.js";
import { polledStates } from "./rollout.standing.js";
import { cancelUndecided } from "./rollout-writes.js";

interface Decision {
  readonly by: Author;
  readonly nowMs: number;
  readonly decide: (snapshot: Snapshot) => readonly Step[];
  /** The fence of the lease under which this process acts by itself. A fleet manager's decision needs none. */
  readonly fence?: bigint;
}

export interface RolloutStepsRepository {
  /**
   * Takes or keeps the lease, by the database's clock. Returns its fence, or undefined where another process holds it.
   */
  acquireLease(holder: string, lifeMs: number): Promise<bigint | undefined>;
  releaseLease(holder: string): Promise<void>;
  /** The rollouts that are active or paused. */
  underway(): Promise<string[]>;
  /**
   * Decides on a rollout and performs the steps, all or none, while no other decision or offer about it is made.
   * Throws NOT_FOUND, and CONFLICT where the fence is not the lease's any more.
   */
  advance(rollout: string, decision: Decision): Promise<readonly Step[]>;
}

const leaseName = "rollouts";

/** A hundred thousand devices are read and written well within this time. */
const transactionTimes = { maxWait: 30_000, timeout: 120_000 } as const;

export function createRolloutStepsRepository(prisma: PrismaClient): RolloutStepsRepository {
  return {
    async acquireLease(holder, lifeMs) {
      const [row] = await prisma.$queryRaw<{ fence: bigint }[]>`
        INSERT INTO "Lease" AS lease ("name", "holder", "fence", "expiresAt")
        VALUES (${leaseName}, ${holder}, 1, clock_timestamp() + ${lifeMs} * interval '1 millisecond')
        ON CONFLICT ("name") DO UPDATE SET "holder" = ${holder},
          "fence" = lease."fence" + CASE
            WHEN lease."holder" = ${holder} AND lease."expiresAt" > clock_timestamp() THEN 0 ELSE 1 END,
          "expiresAt" = clock_timestamp() + ${lifeMs} * interval '1 millisecond'
        WHERE lease."holder" = ${holder} OR lease."expiresAt" <= clock_timestamp()
        RETURNING "fence"`;
      return row?.fence;
    },

    async releaseLease(holder) {
      await prisma.$executeRaw`
        UPDATE "Lease" SET "expiresAt" = clock_timestamp() WHERE "name" = ${leaseName} AND "holder" = ${holder}`;
    },

    async underway() {
      const where = { status: { in: rolloutStatuses.filter(isUnderway) } };
      const rows = await prisma.rollout.findMany({ where, select: { id: true }, orderBy: { createdAt: "asc" } });
      return rows.map(({ id }) => id);
    },

    advance: (rollout, { by, nowMs, decide, fence }) =>
      prisma.$transaction(async (tx) => {
        if (fence !== undefined) await assertHolds(tx, fence);
        const row = await lockRollout(tx, rollout);
        const steps = decide(await readSnapshot(tx, row, nowMs));
        await perform(tx, { row, nowMs, by }, steps);
        return steps;
      }, transactionTimes),
  };
}

/** The lock keeps the lease with this process until its transaction ends. */
async function assertHolds(tx: Prisma.TransactionClient, fence: bigint): Promise<void> {
  const held = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Lease" WHERE "name" = ${leaseName} AND "fence" = ${fence} AND "expiresAt" > clock_timestamp()
    FOR SHARE`;
  if (held.length === 0) throw new AppError("CONFLICT", `the lease ${leaseName} has passed on from fence ${fence}`);
}

/** Offers lock the row in share mode, so none is made between the snapshot and the writes. */
async function lockRollout(tx: Prisma.TransactionClient, id: string): Promise<Rollout> {
  await tx.$queryRaw`SELECT 1 FROM "Rollout" WHERE "id" = ${id}::uuid FOR UPDATE`;
  const row = await tx.rollout.findUnique({ where: { id } });
  if (row === null) throw new AppError("NOT_FOUND", `there is no rollout ${id}`);
  return row;
}

const memberRowSchema = z.object({
  device: z.string(),
  group: z.int(),
  rank: z.int(),
  state: z.enum(assignmentStates),
  verdict: verdictSchema.nullable(),
  offeredAt: z.date().nullable(),
  deadlineAt: z.date().nullable(),
  failures: z.int(),
  judgedState: z.enum(polledStates),
  hasRun: z.boolean(),
  fellBack: z.boolean(),
  revoked: z.boolean(),
  running: z.int(),
  polledState: z.enum(polledStates),
  reason: z.string(),
  reported: verdictSchema.nullable(),
});

async function readSnapshot(tx: Prisma.TransactionClient, row: Rollout, nowMs: number): Promise<Snapshot> {
  const { id, releaseSequence, intake, failureLimit, completeness, harmBound } = row;
  const groups = await tx.rolloutGroup.findMany({ where: { rolloutId: id }, orderBy: { index: "asc" } });
  return {
    ...{ nowMs, releaseSequence, intake },
    status: z.enum(rolloutStatuses).parse(row.status),
    policy: { failureLimit, completeness, harmBound, deadlineMs: Number(row.deadlineMs) },
    groups: groups.map(({ state, deadlineAt, acceptedFailures }) => ({
      state: z.enum(groupStates).parse(state),
      deadlineAtMs: deadlineAt?.getTime() ?? null,
      acceptedFailures,
    })),
    members: await readMembers(tx, row),
    harm: { nextRank: row.harmNextRank, verdicts: row.harmVerdicts, worse: row.harmWorse },
  };
}

async function readMembers(tx: Prisma.TransactionClient, { id, releaseSequence }: Rollout): Promise<Member[]> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT a."deviceId" AS device, a."group", a."rank", a."state", a."verdict", a."offeredAt", a."deadlineAt",
      a."failures", a."judgedState", a."hasRun", a."fellBack", d."revokedAt" IS NOT NULL AS revoked,
      d."releaseSequence" AS running, d."state" AS "polledState", d."reason", said."verdict" AS reported
    FROM "Assignment" a JOIN "Device" d ON d."id" = a."deviceId"
    LEFT JOIN (
      SELECT DISTINCT ON ("deviceId") "deviceId", "body"->>'verdict' AS verdict FROM "Report"
      WHERE "type" = 'report.verdict' AND "releaseSequence" = ${releaseSequence}
      ORDER BY "deviceId", "receivedAt" DESC, "sequence" DESC
    ) said ON said."deviceId" = a."deviceId"
    WHERE a."rolloutId" = ${id}::uuid ORDER BY a."rank"`;
  return rows.map((row) => {
    const { offeredAt, deadlineAt, revoked, running, polledState, reason, reported, ...rest } =
      memberRowSchema.parse(row);
    return {
      ...rest,
      offeredAtMs: offeredAt?.getTime() ?? null,
      deadlineAtMs: deadlineAt?.getTime() ?? null,
      seen: { revoked, running, state: polledState, reason, reported },
    };
  });
}

interface Performed {
  readonly row: Rollout;
  readonly nowMs: number;
  readonly by: Author;
}

async function perform(tx: Prisma.TransactionClient, performed: Performed, steps: readonly Step[]): Promise<void> {
  const { id } = performed.row;
  const assignments = steps.flatMap((step) => (step.kind === "judge" ? [step.assignment] : []));
  if (assignments.length > 0) await writeAssignments(tx, id, assignments);
  for (const step of steps) {
    if (step.kind === "count") {
      const { nextRank, verdicts, worse } = step.harm;
      const data = { harmNextRank: nextRank, harmVerdicts: verdicts, harmWorse: worse };
      await tx.rollout.update({ where: { id }, data });
    } else if (step.kind === "group") {
      const { state, deadlineAtMs, acceptedFailures } = step.group;
      const deadlineAt = deadlineAtMs === null ? null : new Date(deadlineAtMs);
      const where = { rolloutId_index: { rolloutId: id, index: step.index } };
      await tx.rolloutGroup.update({ where, data: { state, deadlineAt, acceptedFailures } });
      if (state === "active") {
        const waiting = { rolloutId: id, group: step.index, state: "waiting" };
        await tx.assignment.updateMany({ where: waiting, data: { state: "open" } });
      }
    } else if (step.kind === "rollout") await writeStatus(tx, performed, step);
  }
}

/** The last step about a device counts. */
async function writeAssignments(
  tx: Prisma.TransactionClient,
  rollout: string,
  assignments: readonly Assignment[],
): Promise<void> {
  const last = [...new Map(assignments.map((one) => [one.device, one])).values()];
  const columns = {
    device: last.map(({ device }) => device),
    state: last.map(({ state }) => state),
    verdict: last.map(({ verdict }): Verdict | null => verdict),
    deadlineAt: last.map(({ deadlineAtMs }) => (deadlineAtMs === null ? null : new Date(deadlineAtMs).toISOString())),
    failures: last.map(({ failures }) => failures),
    judgedState: last.map(({ judgedState }) => judgedState),
    hasRun: last.map(({ hasRun }) => hasRun),
    fellBack: last.map(({ fellBack }) => fellBack),
  };
  await tx.$executeRaw`
    UPDATE "Assignment" a SET "state" = s."state", "verdict" = s."verdict", "deadlineAt" = s."deadlineAt"::timestamptz,
      "failures" = s."failures", "judgedState" = s."judgedState", "hasRun" = s."hasRun", "fellBack" = s."fellBack"
    FROM unnest(${columns.device}::text[], ${columns.state}::text[], ${columns.verdict}::text[],
      ${columns.deadlineAt}::text[], ${columns.failures}::int[], ${columns.judgedState}::text[],
      ${columns.hasRun}::boolean[], ${columns.fellBack}::boolean[])
      AS s("device", "state", "verdict", "deadlineAt", "failures", "judgedState", "hasRun", "fellBack")
    WHERE a."rolloutId" = ${rollout}::uuid AND a."deviceId" = s."device"`;
}

async function writeStatus(
  tx: Prisma.TransactionClient,
  { row: { id, fleetName, fallbackSequence }, nowMs, by }: Performed,
  { status, reverts }: Extract<Step, { kind: "rollout" }>,
): Promise<void> {
  const revertsTo = reverts ? fallbackSequence : null;
  if (isUnderway(status)) await tx.rollout.update({ where: { id }, data: { status } });
  else {
    await tx.rollout.update({ where: { id }, data: { status, revertsTo, endedAt: new Date(nowMs) } });
    await cancelUndecided(tx, id);
  }
  const details = { rollout: id, status, revertsTo };
  await appendEvent(tx, { by, action: `rollout.${verbs[status]}`, subject: fleetName, details, atMs: nowMs });
}

const verbs = {
  ...{ active: "resume", paused: "pause", completed: "complete", stopped: "stop", aborted: "abort" },
  superseded: "supersede",
} as const;
