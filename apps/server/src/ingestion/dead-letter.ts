// Records refused messages. The first ones of each device are kept by hash and size; all of them are counted.
import type { Prisma } from "../generated/prisma/client.js";
import type { DeadLetterReason, IncomingReport } from "./report.parse.js";

export interface DeadLetterInput {
  readonly reason: DeadLetterReason;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly subjectDevice: string | null;
  readonly streamSequence: number;
}

/** Enough to see a device's fault. A flood of refused messages fills no disk. */
export const keptPerDevice = 100;

export function describeDeadLetter(incoming: IncomingReport, reason: DeadLetterReason): DeadLetterInput {
  const { sizeBytes, bodySha256, report, streamSequence } = incoming;
  return { reason, sizeBytes, sha256: bodySha256, subjectDevice: report.device, streamSequence };
}

/** A kept message that is delivered again is counted once. A message beyond the kept ones may be counted again. */
export async function recordDeadLetters(
  tx: Prisma.TransactionClient,
  letters: readonly DeadLetterInput[],
): Promise<void> {
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
