// Reports in the database. Its primary key (device, epoch, sequence) is what makes ingestion exactly once, however often,
// late or out of order the bus delivers.
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import type { DeadLetterReason, IncomingReport } from "./report.parse.js";

export interface DeadLetterInput {
  readonly reason: DeadLetterReason;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly subjectDevice: string | null;
  readonly streamSequence: number;
}

export interface IngestionBatch {
  readonly reports: readonly IncomingReport[];
  readonly deadLetters: readonly DeadLetterInput[];
}

export interface IngestionOutcome {
  readonly stored: number;
  /** Delivered before, with the same body. */
  readonly duplicates: number;
  /** Delivered before under the same identity with another body: kept apart, never over the first. */
  readonly conflicts: number;
  readonly deadLetters: number;
}

export type IngestionRepository = ReturnType<typeof createIngestionRepository>;

export function createIngestionRepository(prisma: PrismaClient) {
  /** All of the batch or nothing of it. */
  async function record(batch: IngestionBatch): Promise<IngestionOutcome> {
    return prisma.$transaction((tx) => recordWithin(tx, batch), { maxWait: 10_000, timeout: 30_000 });
  }

  return { record };
}

async function recordWithin(tx: Prisma.TransactionClient, batch: IngestionBatch): Promise<IngestionOutcome> {
  const { known, strangers } = await splitByDevice(tx, batch.reports);
  const deadLetters = [...batch.deadLetters, ...strangers];
  const inserted = await insertReports(tx, known);
  const conflicts = inserted.size === known.length ? 0 : await recordConflicts(tx, known, inserted);
  if (deadLetters.length > 0) await tx.deadLetter.createMany({ data: deadLetters, skipDuplicates: true });
  const stored = inserted.size;
  return {
    stored,
    duplicates: known.length - stored - conflicts,
    conflicts,
    deadLetters: deadLetters.length,
  };
}

/** A report counts only where its device is enrolled in the fleet that its subject names. */
async function splitByDevice(tx: Prisma.TransactionClient, reports: readonly IncomingReport[]) {
  const ids = [...new Set(reports.map(({ report }) => report.device))];
  const devices = await tx.device.findMany({ where: { id: { in: ids } }, select: { id: true, fleetName: true } });
  const fleets = new Map(devices.map((device) => [device.id, device.fleetName]));
  const known: IncomingReport[] = [];
  const strangers: DeadLetterInput[] = [];
  for (const incoming of reports) {
    if (fleets.get(incoming.report.device) === incoming.fleet) known.push(incoming);
    else strangers.push(describeDeadLetter(incoming, "unknownDevice"));
  }
  return { known, strangers };
}

export function describeDeadLetter(incoming: IncomingReport, reason: DeadLetterReason): DeadLetterInput {
  const { sizeBytes, bodySha256, report, streamSequence } = incoming;
  return { reason, sizeBytes, sha256: bodySha256, subjectDevice: report.device, streamSequence };
}

/** Inserts what is new, in one statement, and answers the identities of what was. */
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

/** Of the reports that were not new, those whose body is not the stored one. Answers how many of the batch they are. */
async function recordConflicts(
  tx: Prisma.TransactionClient,
  reports: readonly IncomingReport[],
  inserted: ReadonlySet<string>,
): Promise<number> {
  const times = new Map<string, number>();
  const keyed = reports.map((incoming) => ({ incoming, key: identityOfReport(incoming) }));
  for (const { key } of keyed) times.set(key, (times.get(key) ?? 0) + 1);
  // An identity inserted just now is in question only where the batch itself holds it twice.
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
  return conflicting.length;
}

interface ReportIdentity {
  readonly deviceId: string;
  readonly epoch: string;
  readonly sequence: number;
}

const identityOf = ({ deviceId, epoch, sequence }: ReportIdentity): string => `${deviceId}-${epoch}-${sequence}`;
const identityOfReport = ({ report }: IncomingReport): string =>
  identityOf({ deviceId: report.device, epoch: report.epoch, sequence: report.sequence });
