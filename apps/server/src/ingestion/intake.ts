// The whole intake of reports: the consumer, the move of an earlier version's reports, and the watch on room.

import type { Logger } from "@attune/platform/logger";
import type { Nats } from "../platform/nats/nats.js";
import { startIngestion } from "./ingestion.consumer.js";
import type { IngestionOutcome } from "./ingestion.repository.js";
import type { IngestionService } from "./ingestion.service.js";
import { moveReports } from "./report.move.js";
import { waitingReports } from "./report.stream.js";
import { diskRoom, streamRoom, watchRoom } from "./room.watch.js";

interface IntakeDeps {
  /** A directory on the disk whose room is watched. */
  readonly directory: string;
  readonly nats: Nats;
  readonly service: IngestionService;
  readonly logger: Logger;
}

interface Intake {
  /** Ends the intake, once the batches in hand are stored or given back. */
  stop(): Promise<void>;
  /** Counts the messages that this process has taken in since it started. */
  counters(): IngestionOutcome;
  /** The number of reports that wait in the stream. */
  lag(): Promise<number>;
}

export function startIntake({ directory, nats, service, logger: log }: IntakeDeps): Intake {
  const ending = new AbortController();
  const { signal } = ending;
  const rooms = { disk: diskRoom(directory), stream: streamRoom(nats.connection) };
  const ingestion = startIngestion({ connection: () => nats.connection, service, log, signal });
  // The move runs beside the ingestion, which makes room for the moved reports.
  const running = [ingestion.done, moveReports({ nats, log, signal }), watchRoom({ rooms, log, signal })];
  return {
    stop: async () => {
      ending.abort();
      await Promise.all(running);
    },
    counters: ingestion.counters,
    lag: () => waitingReports(nats.connection),
  };
}
