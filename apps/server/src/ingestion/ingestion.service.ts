// Takes a batch of messages from the bus into the database: each is parsed, then refused or stored, and counted.

import { sha256 } from "@attune/platform/sha256";
import type { Contracts } from "@attune/shared/contracts/egress";
import { parseReportSubject } from "@attune/shared/subjects";
import { type DeadLetterInput, describeDeadLetter } from "./dead-letter.js";
import type { IngestionOutcome, IngestionRepository } from "./ingestion.repository.js";
import { databaseRefusesValue } from "./refused-value.js";
import { type IncomingMessage, type IncomingReport, parseReportMessage } from "./report.parse.js";

export interface IngestionService {
  /**
   * Returns once everything is committed. Throws where the database cannot be reached; nothing of the
   * batch is committed then.
   */
  ingest(messages: readonly IncomingMessage[]): Promise<IngestionOutcome>;
}

export function createIngestionService(repository: IngestionRepository, contracts: Contracts): IngestionService {
  async function ingest(messages: readonly IncomingMessage[]): Promise<IngestionOutcome> {
    const reports: IncomingReport[] = [];
    const deadLetters: DeadLetterInput[] = [];
    for (const message of messages) {
      const parsed = parseReportMessage(contracts, message);
      if (parsed.ok) reports.push(parsed.value);
      else {
        deadLetters.push({
          reason: parsed.reason,
          sizeBytes: message.bytes.length,
          sha256: sha256(message.bytes),
          subjectDevice: parseReportSubject(message.subject)?.device ?? null,
          streamSequence: message.streamSequence,
        });
      }
    }
    return record(reports, deadLetters);
  }

  /**
   * Halves a refused batch until the refused report stands alone, so that one report cannot hold up
   * the others for ever.
   */
  async function record(
    reports: readonly IncomingReport[],
    deadLetters: readonly DeadLetterInput[],
  ): Promise<IngestionOutcome> {
    try {
      return await repository.record({ reports, deadLetters });
    } catch (error) {
      const [first] = reports;
      if (first === undefined || !databaseRefusesValue(error)) throw error;
      if (reports.length === 1) {
        const refused = describeDeadLetter(first, "refusedByStore");
        return repository.record({ reports: [], deadLetters: [...deadLetters, refused] });
      }
      const middle = reports.length >> 1;
      const left = await record(reports.slice(0, middle), deadLetters);
      const right = await record(reports.slice(middle), []);
      return sumOutcomes(left, right);
    }
  }

  return { ingest };
}

export function sumOutcomes(x: IngestionOutcome, y: IngestionOutcome): IngestionOutcome {
  return {
    stored: x.stored + y.stored,
    duplicates: x.duplicates + y.duplicates,
    conflicts: x.conflicts + y.conflicts,
    deadLetters: x.deadLetters + y.deadLetters,
  };
}
