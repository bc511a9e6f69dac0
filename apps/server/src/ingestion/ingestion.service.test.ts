import { canonicalBytes } from "@attune/shared/canonical-json";
import { createContracts } from "@attune/shared/contracts/egress";
import { reportSubject } from "@attune/shared/subjects";
import { expect, test } from "vitest";
import type { IngestionBatch, IngestionRepository } from "./ingestion.repository.js";
import { createIngestionService } from "./ingestion.service.js";
import type { IncomingMessage } from "./report.parse.js";

const device = "0".repeat(32);
const report = (sequence: number) => ({
  type: "report.state",
  contract: 1,
  device,
  epoch: "0123456789abcdef",
  sequence,
  releaseSequence: 1,
  state: "committed",
  reason: "none",
});
const message = (sequence: number): IncomingMessage => ({
  subject: reportSubject("home", device),
  bytes: canonicalBytes(report(sequence)),
  streamSequence: sequence,
});

/** Keeps the batches, except those that `refuse` gives an error for. */
function createFakeRepository(refuse: (batch: IngestionBatch) => Error | undefined) {
  const batches: IngestionBatch[] = [];
  const repository: IngestionRepository = {
    async record(batch) {
      const error = refuse(batch);
      if (error !== undefined) throw error;
      batches.push(batch);
      return { stored: batch.reports.length, duplicates: 0, conflicts: 0, deadLetters: batch.deadLetters.length };
    },
  };
  return { repository, batches };
}

test("reports and what is none are recorded in one batch", async () => {
  const { repository, batches } = createFakeRepository(() => undefined);
  const garbage = { ...message(9), bytes: new TextEncoder().encode("{") };
  const outcome = await createIngestionService(repository, createContracts()).ingest([message(1), garbage, message(2)]);
  expect(outcome).toMatchObject({ stored: 2, deadLetters: 1 });
  expect(batches).toHaveLength(1);
  expect(batches[0]?.deadLetters).toMatchObject([{ reason: "malformed", sizeBytes: 1, streamSequence: 9 }]);
});

test("a report that the database will never take does not hold up the others", async () => {
  const poison = (batch: IngestionBatch) =>
    batch.reports.some((one) => one.report.sequence === 3)
      ? Object.assign(new Error("refused"), { meta: { driverAdapterError: { cause: { originalCode: "22003" } } } })
      : undefined;
  const { repository, batches } = createFakeRepository(poison);
  const outcome = await createIngestionService(repository, createContracts()).ingest([1, 2, 3, 4, 5].map(message));
  expect(outcome).toMatchObject({ stored: 4, deadLetters: 1 });
  expect(batches.flatMap((batch) => batch.reports.map((one) => one.report.sequence)).sort()).toEqual([1, 2, 4, 5]);
  expect(batches.flatMap((batch) => batch.deadLetters)).toMatchObject([
    { reason: "refusedByStore", streamSequence: 3 },
  ]);
});

test("a database that is away is the caller's to wait for: nothing is given up", async () => {
  const away = Object.assign(new Error("connect ECONNREFUSED"), { code: "P1001" });
  const { repository, batches } = createFakeRepository(() => away);
  await expect(createIngestionService(repository, createContracts()).ingest([message(1)])).rejects.toBe(away);
  expect(batches).toEqual([]);
});
