// Stores reports in the database. The primary key (device, epoch, sequence) makes ingestion exactly-once, even where
// the bus delivers repeatedly, late or out of order.

import { dayMs } from "@attune/shared/time";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { type DeadLetterInput, keptPerDevice } from "./dead-letter.js";
import { type BatchFacts, sortBatch } from "./intake.plan.js";
import type { IncomingReport } from "./report.parse.js";

export interface IngestionBatch {
  readonly reports: readonly IncomingReport[];
  readonly deadLetters: readonly DeadLetterInput[];
}

export interface IngestionOutcome {
  readonly stored: number;
  /** Reports that were delivered before with the same body. */
  readonly duplicates: number;
  /**
   * Reports that were delivered before under the same identity with another body. They are kept apart and
   * never replace the first.
   */
  readonly conflicts: number;
  readonly deadLetters: number;
}

export interface IngestionRepository {
  /** Stores the whole batch or nothing. */
  record(batch: IngestionBatch): Promise<IngestionOutcome>;
}

export function createIngestionRepository(prisma: PrismaClient, now: () => number): IngestionRepository {
  return {
    record: (batch) =>
      prisma.$transaction((tx) => recordWithin(tx, batch, Math.floor(now() / dayMs)), {
        maxWait: 10_000,
        timeout: 30_000,
      }),
  };
}

async function recordWithin(
  tx: Prisma.TransactionClient,
  batch: IngestionBatch,
  day: number,
): Promise<IngestionOutcome> {
  const { accepted, refused } = sortBatch(batch.reports, await lookUp(tx, batch.reports, day));
  const deadLetters = [...batch.deadLetters, ...refused];
  const inserted = await insertReports(tx, accepted);
  const conflicts = inserted.size === accepted.length ? [] : await recordConflicts(tx, accepted, inserted);
  await countTaken(tx, [...accepted.filter((incoming) => inserted.has(identityOfReport(incoming))), ...conflicts], day);
  await recordDeadLetters(tx, deadLetters);
  const stored = inserted.size;
  return {
    stored,
    duplicates: accepted.length - stored - conflicts.length,
    conflicts: conflicts.length,
    deadLetters: deadLetters.length,
  };
}

async function lookUp(
  tx: Prisma.TransactionClient,
  reports: readonly IncomingReport[],
  day: number,
): Promise<BatchFacts> {
  const ids = [...new Set(reports.map(({ report }) => report.device))];
  const devices = await tx.device.findMany({
    where: { id: { in: ids } },
    select: { id: true, fleetName: true, revokedAt: true, epochs: { select: { epoch: true } } },
  });
  const intake = await tx.deviceIntake.findMany({ where: { deviceId: { in: ids }, day } });
  return { devices, takenToday: new Map(intake.map(({ deviceId, taken }) => [deviceId, taken])) };
}

async function countTaken(
  tx: Prisma.TransactionClient,
  reports: readonly IncomingReport[],
  day: number,
): Promise<void> {
  const taken = new Map<string, number>();
  for (const { report } of reports) taken.set(report.device, (taken.get(report.device) ?? 0) + 1);
  if (taken.size === 0) return;
  // The fixed order keeps two batches from waiting for each other.
  const rows = JSON.stringify([...taken.keys()].sort().map((device) => ({ device, taken: taken.get(device) })));
  await tx.$executeRaw`
    INSERT INTO "DeviceIntake" AS known ("deviceId", "day", "taken")
    SELECT device, ${day}::int, taken FROM jsonb_to_recordset(${rows}::jsonb) AS row(device text, taken int)
    ON CONFLICT ("deviceId") DO UPDATE SET "day" = EXCLUDED."day",
      "taken" = EXCLUDED."taken" + CASE WHEN known."day" = EXCLUDED."day" THEN known."taken" ELSE 0 END`;
}

/** Inserts the new reports in one statement, and returns their identities. */
async function insertReports(tx: Prisma.TransactionClient, reports: readonly IncomingReport[]): Promise<Set<string>> {
  if (reports.length === 0) return new Set();
  // The bodies are JSON already; one document of all rows costs one parameter and no escaping.
  const rows = reports.map(
    ({ body, bodySha256, sizeBytes, streamSequence }) =>
      `{"body":${body},"sha256":"${bodySha256}","size":${sizeBytes},"stream":${streamSequence}}`,
  );
  const document = `[${rows.join(",")}]`;
  const inserted = await tx.$queryRaw<ReportIdentity[]>`
    INSERT INTO "Report" ("deviceId", "epoch", "sequence", "type", "releaseSequence",
                          "body", "sizeBytes", "bodySha256", "streamSequence")
    SELECT body->>'device', body->>'epoch', (body->>'sequence')::int, body->>'type', (body->>'releaseSequence')::int,
           body, size, sha256, stream
    FROM jsonb_to_recordset(${document}::jsonb) AS row(body jsonb, sha256 text, size int, stream bigint)
    ON CONFLICT DO NOTHING
    RETURNING "deviceId", "epoch", "sequence"`;
  return new Set(inserted.map(identityOf));
}

/** Records the reports that were not new and whose body differs from the stored one. */
async function recordConflicts(
  tx: Prisma.TransactionClient,
  reports: readonly IncomingReport[],
  inserted: ReadonlySet<string>,
): Promise<readonly IncomingReport[]> {
  const times = new Map<string, number>();
  const keyed = reports.map((incoming) => ({ incoming, key: identityOfReport(incoming) }));
  for (const { key } of keyed) times.set(key, (times.get(key) ?? 0) + 1);
  // An identity inserted just now conflicts only where the batch itself holds it twice.
  const questioned = keyed.filter(({ key }) => !inserted.has(key) || (times.get(key) ?? 0) > 1);
  const wanted = JSON.stringify(
    questioned.map(({ incoming: { report } }) => ({
      device: report.device,
      epoch: report.epoch,
      sequence: report.sequence,
    })),
  );
  const stored = await tx.$queryRaw<(ReportIdentity & { bodySha256: string })[]>`
    SELECT "deviceId", "epoch", "sequence", "bodySha256" FROM "Report"
    WHERE ("deviceId", "epoch", "sequence") IN (
      SELECT device, epoch, sequence FROM jsonb_to_recordset(${wanted}::jsonb) AS row(device text, epoch text, sequence int))`;
  const hashes = new Map(stored.map((row) => [identityOf(row), row.bodySha256]));
  const conflicting = questioned.filter(({ incoming, key }) => hashes.get(key) !== incoming.bodySha256);
  if (conflicting.length > 0) {
    await tx.reportConflict.createMany({
      data: conflicting.map(({ incoming: { report, sizeBytes, bodySha256, streamSequence } }) => ({
        deviceId: report.device,
        epoch: report.epoch,
        sequence: report.sequence,
        sizeBytes,
        bodySha256,
        streamSequence,
      })),
      skipDuplicates: true,
    });
  }
  return conflicting.map(({ incoming }) => incoming);
}

interface ReportIdentity {
  readonly deviceId: string;
  readonly epoch: string;
  readonly sequence: number;
}

const identityOf = ({ deviceId, epoch, sequence }: ReportIdentity): string => `${deviceId}-${epoch}-${sequence}`;
const identityOfReport = ({ report }: IncomingReport): string =>
  identityOf({ deviceId: report.device, epoch: report.epoch, sequence: report.sequence });

/** A kept message that is delivered again is counted once. A message beyond the kept ones may be counted again. */
async function recordDeadLetters(tx: Prisma.TransactionClient, letters: readonly DeadLetterInput[]): Promise<void> {
  if (letters.length === 0) return;
  const subjects = [...new Set(letters.map(subjectOf))];
  const counts = await tx.deadLetterCount.groupBy({
    by: ["subjectDevice"],
    where: { subjectDevice: { in: subjects } },
    _sum: { count: true },
  });
  const kept = new Map(counts.map((row) => [row.subjectDevice, Number(row._sum.count ?? 0)]));
  const toKeep: DeadLetterInput[] = [];
  const added = new Map<string, { subjectDevice: string; reason: string; count: number }>();
  for (const letter of letters) {
    const before = kept.get(subjectOf(letter)) ?? 0;
    kept.set(subjectOf(letter), before + 1);
    if (before < keptPerDevice) toKeep.push(letter);
    else count(letter);
  }
  const isNew = await tx.deadLetter.createManyAndReturn({ data: toKeep, skipDuplicates: true });
  for (const letter of isNew) count(letter);
  // The fixed order keeps two batches from waiting for each other.
  const rows = JSON.stringify([...added.entries()].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, row]) => row));
  await tx.$executeRaw`
    INSERT INTO "DeadLetterCount" ("subjectDevice", "reason", "count")
    SELECT "subjectDevice", "reason", "count"
    FROM jsonb_to_recordset(${rows}::jsonb) AS row("subjectDevice" text, "reason" text, "count" bigint)
    ON CONFLICT ("subjectDevice", "reason") DO UPDATE SET "count" = "DeadLetterCount"."count" + EXCLUDED."count"`;

  function count(letter: { subjectDevice: string | null; reason: string }): void {
    const subjectDevice = subjectOf(letter);
    const key = `${subjectDevice} ${letter.reason}`;
    added.set(key, { subjectDevice, reason: letter.reason, count: (added.get(key)?.count ?? 0) + 1 });
  }
}

/** The device of the subject; the empty text for a message whose subject names no device. */
function subjectOf({ subjectDevice }: { readonly subjectDevice: string | null }): string {
  return subjectDevice ?? "";
}
