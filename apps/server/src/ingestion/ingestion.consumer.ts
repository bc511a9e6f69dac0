// Pulls reports from the stream, has them stored, and acknowledges them once they are committed. The consumer retries
// for ever. After a kill, an unacknowledged message comes back, and the database recognises what it holds already.

import { errorFields, type Logger } from "@attune/platform/logger";
import type { Consumer, JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { IngestionOutcome } from "./ingestion.repository.js";
import { type IngestionService, sumOutcomes } from "./ingestion.service.js";
import { pause } from "./pause.js";
import { openReportConsumer } from "./report.stream.js";

interface IngestionDeps {
  /** The current connection; a new one after the old one was closed for good. */
  readonly connection: () => NatsConnection;
  readonly service: Pick<IngestionService, "ingest">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Ingestion {
  /** Ends after the signal, once the batches in hand are stored or given back. */
  readonly done: Promise<void>;
  /** Counts the messages that this process has taken in since it started. */
  counters(): IngestionOutcome;
}

const batchSize = 1_000;
/** While one lane waits for the database, the other pulls and parses. */
const lanes = 2;
/**
 * The length of a pull. A broker that died silently is noticed after as long: two missed heartbeats, at
 * half of this each.
 */
const pullMs = 2_000;

export function startIngestion(deps: IngestionDeps): Ingestion {
  let total: IngestionOutcome = { stored: 0, duplicates: 0, conflicts: 0, deadLetters: 0 };
  const count = (outcome: IngestionOutcome) => {
    total = sumOutcomes(total, outcome);
  };
  const running = Array.from({ length: lanes }, () => runLane(deps, count));
  return { done: Promise.all(running).then(() => undefined), counters: () => total };
}

async function runLane(deps: IngestionDeps, count: (outcome: IngestionOutcome) => void): Promise<void> {
  const { signal, log } = deps;
  let consumer: Consumer | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      consumer ??= await openReportConsumer(deps.connection());
      await pullOnce(consumer, deps, count);
      failures = 0;
    } catch (error) {
      // The consumer is opened again for the next pull: the broker may have come back without its stream.
      consumer = undefined;
      if (signal.aborted) return;
      failures++;
      log.warn("ingestion.pullFailed", { failures, ...errorFields(error) });
      await pause(failures, signal);
    }
  }
}

/** Pulls up to `batchSize` messages once, and stores them in as few batches as they arrive in. */
async function pullOnce(
  consumer: Consumer,
  deps: IngestionDeps,
  count: (outcome: IngestionOutcome) => void,
): Promise<void> {
  const messages = await consumer.fetch({ max_messages: batchSize, expires: pullMs });
  const stop = () => messages.stop();
  deps.signal.addEventListener("abort", stop, { once: true });
  try {
    let batch: JsMsg[] = [];
    for await (const message of messages) {
      batch.push(message);
      if (messages.getPending() > 0) continue;
      await storeBatch(batch, deps, count);
      batch = [];
    }
    await storeBatch(batch, deps, count);
  } finally {
    deps.signal.removeEventListener("abort", stop);
    messages.stop();
  }
}

async function storeBatch(
  batch: readonly JsMsg[],
  { service, log, signal }: IngestionDeps,
  count: (outcome: IngestionOutcome) => void,
): Promise<void> {
  if (batch.length === 0) return;
  const incoming = batch.map((message) => ({
    subject: message.subject,
    bytes: message.data,
    streamSequence: message.seq,
  }));
  for (let failures = 0; ; ) {
    try {
      const outcome = await service.ingest(incoming);
      count(outcome);
      const { deadLetters, conflicts } = outcome;
      if (deadLetters + conflicts > 0) log.warn("ingestion.refused", { deadLetters, conflicts });
      break;
    } catch (error) {
      failures++;
      log.warn("ingestion.storeFailed", { failures, messages: batch.length, ...errorFields(error) });
      if (signal.aborted) {
        // The messages are given back, so that they do not wait for the acknowledgement's deadline.
        for (const message of batch) message.nak();
        return;
      }
      await pause(failures, signal);
      // Reports to the broker that these messages are in work.
      for (const message of batch) message.working();
    }
  }
  for (const message of batch) message.ack();
}
