// Empties the stream that an earlier release kept in the devices' account into today's, then takes JetStream from
// that account. Each step can be repeated: a report that is moved twice is stored once, and the account's JWT shows
// the steps that remain.

import { errorFields, type Logger } from "@attune/platform/logger";
import { reportStream } from "@attune/shared/subjects";
import { AckPolicy, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/nats-core";
import type { Nats } from "../platform/nats/nats.js";
import { pause } from "./pause.js";
import { ackWaitMs, isNotFound, openReportConsumer } from "./report.stream.js";

interface ReportMoveDeps {
  readonly nats: Pick<Nats, "connection" | "credentials" | "connectToEarlierStream">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** A subject on which no device publishes. A device's report finds no stream, stays in its outbox and comes again. */
const closedSubject = "attune.v1.moved";
const mover = "mover";
const batchSize = 1_000;

/** Retries until the move is done or the signal ends it. Returns at once where nothing is to be moved. */
export async function moveReports(deps: ReportMoveDeps): Promise<void> {
  const { nats, log, signal } = deps;
  let isDone = !nats.credentials.hasEarlierStream();
  for (let failures = 0; !isDone && !signal.aborted; ) {
    try {
      if (nats.credentials.hasEarlierStream()) await moveOnce(deps);
      await nats.credentials.removeEarlierStream();
      isDone = true;
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      log.warn("ingestion.moveFailed", { failures, ...errorFields(error) });
      await pause(failures, signal);
    }
  }
}

async function moveOnce({ nats, log, signal }: ReportMoveDeps): Promise<void> {
  const earlier = await nats.connectToEarlierStream();
  const close = () => void earlier.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    const moved = await emptyStream(earlier, nats.connection);
    log.info("ingestion.moved", { reports: moved });
  } finally {
    signal.removeEventListener("abort", close);
    await earlier.close();
  }
}

async function emptyStream(from: NatsConnection, to: NatsConnection): Promise<number> {
  const manager = await jetstreamManager(from, { checkAPI: false });
  try {
    await manager.streams.update(reportStream, { subjects: [closedSubject] });
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
  await openReportConsumer(to);
  // A work queue has one consumer. A new consumer gets every unacknowledged message, including those that
  // another had in hand.
  for await (const { name } of manager.consumers.list(reportStream)) await manager.consumers.delete(reportStream, name);
  const settings = { durable_name: mover, ack_policy: AckPolicy.Explicit, ack_wait: nanos(ackWaitMs) };
  await manager.consumers.add(reportStream, settings);
  const consumer = await jetstream(from).consumers.get(reportStream, mover);
  const target = jetstream(to);
  let moved = 0;
  while ((await manager.streams.info(reportStream)).state.messages > 0) {
    const batch: JsMsg[] = [];
    for await (const message of await consumer.fetch({ max_messages: batchSize, expires: 1_000 })) {
      batch.push(message);
      if (message.info.pending === 0) break;
    }
    // The headers stay behind: they were meant for the earlier stream.
    await Promise.all(batch.map((m) => target.publish(m.subject, m.data, { msgID: `moved-${m.seq}` })));
    for (const message of batch) message.ack();
    moved += batch.length;
  }
  await manager.streams.delete(reportStream);
  return moved;
}
