// The whole intake of reports: the consumer, the move of an earlier version's reports, and the watch on room.

import type { Logger } from "@attune/platform/logger";
import type { Nats } from "../platform/nats/nats.js";
import { startIngestion } from "./ingestion.consumer.js";
import type { IngestionService } from "./ingestion.service.js";
import { moveReports } from "./report.move.js";
import { diskRoom, streamRoom, watchRoom } from "./room.watch.js";

interface IntakeDeps {
  /** A directory on the disk whose room is watched. */
  readonly directory: string;
  readonly nats: Nats;
  readonly service: IngestionService;
  readonly logger: Logger;
}

/** Returns a function that ends the intake, once the batches in hand are stored or given back. */
export function startIntake({ directory, nats, service, logger: log }: IntakeDeps): () => Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const rooms = { disk: diskRoom(directory), stream: streamRoom(nats.connection) };
  const ingestion = startIngestion({ connection: () => nats.connection, service, log, signal });
  // The move runs beside the ingestion, which makes room for the moved reports.
  const running = [ingestion.done, moveReports({ nats, log, signal }), watchRoom({ rooms, log, signal })];
  return async () => {
    ending.abort();
    await Promise.all(running);
  };
}
