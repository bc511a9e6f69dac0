// The stream that holds reports until they are in the database, and the one durable consumer that all servers share.

import { ingestionConsumer, reportStream, reportStreamSubjects } from "@attune/shared/subjects";
import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/nats-core";

/** The delay after which a killed server's messages come back to another server, or to itself. */
export const ackWaitMs = 10_000;

interface StreamLimits {
  readonly totalBytes: number;
  /** The limit of one device's reports that wait in the stream. */
  readonly waitingReports: number;
}

/** Room for some ten million reports while the database is away. A device that floods takes no other device's room. */
export const streamLimits: StreamLimits = { totalBytes: 4 * 1024 ** 3, waitingReports: 5_000 };

const minStreamBytes = 1024 ** 2;

/** Creates the stream and its consumer where they are missing, and updates their settings where they differ. */
export async function openReportConsumer(connection: NatsConnection, limits = streamLimits): Promise<Consumer> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await openLargestStream(manager, limits);
  const consumer = { ack_wait: nanos(ackWaitMs), max_ack_pending: 20_000, max_deliver: -1 };
  try {
    await manager.consumers.update(reportStream, ingestionConsumer, consumer);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await manager.consumers.add(reportStream, {
      ...consumer,
      durable_name: ingestionConsumer,
      ack_policy: AckPolicy.Explicit,
    });
  }
  return jetstream(connection).consumers.get(reportStream, ingestionConsumer);
}

/** The reports in the stream that no server has stored yet: those to deliver, and those in hand. */
export async function waitingReports(connection: NatsConnection): Promise<number> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const { num_pending, num_ack_pending } = await manager.consumers.info(reportStream, ingestionConsumer);
  return num_pending + num_ack_pending;
}

/** Asks for half of the room again and again where an operator's own nats-server has less. */
async function openLargestStream(manager: JetStreamManager, limits: StreamLimits): Promise<void> {
  try {
    await openStream(manager, limits);
  } catch (error) {
    if (!/insufficient/i.test((error as Error).message) || limits.totalBytes <= minStreamBytes) throw error;
    await openLargestStream(manager, { ...limits, totalBytes: limits.totalBytes / 2 });
  }
}

async function openStream(manager: JetStreamManager, limits: StreamLimits): Promise<void> {
  const stream = {
    subjects: [reportStreamSubjects],
    // A full stream refuses a device's report, which stays in its outbox. It never drops an older report instead.
    discard: DiscardPolicy.New,
    max_bytes: limits.totalBytes,
    max_msgs_per_subject: limits.waitingReports,
    discard_new_per_subject: true,
    // Only the ingestion's acknowledgement removes a report, even where a stranger reaches the API.
    deny_delete: true,
    deny_purge: true,
  };
  try {
    await manager.streams.update(reportStream, stream);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await manager.streams.add({
      ...stream,
      name: reportStream,
      storage: StorageType.File,
      // An acknowledged report is in the database; the stream keeps only the others.
      retention: RetentionPolicy.Workqueue,
    });
  }
}

export function isNotFound(error: unknown): boolean {
  return /not found/i.test((error as Error).message);
}
