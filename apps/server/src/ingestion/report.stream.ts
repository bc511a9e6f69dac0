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

/** Bounds what a killed server delays: its messages come back to another, or to itself, after this. */
export const ackWaitMs = 10_000;

export interface StreamLimits {
  readonly totalBytes: number;
  /** Of one device. */
  readonly waitingReports: number;
}

/** Room for some ten million reports while the database is away; and one device that floods takes no other's. */
export const streamLimits: StreamLimits = { totalBytes: 4 * 1024 ** 3, waitingReports: 5_000 };

const smallestStreamBytes = 1024 ** 2;

/** Makes both where they are missing and brings their settings up to date where they are not. */
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

/** A nats-server of the operator's own may have less room: then half of it is asked for, and half of that. */
async function openLargestStream(manager: JetStreamManager, limits: StreamLimits): Promise<void> {
  try {
    await openStream(manager, limits);
  } catch (error) {
    if (!/insufficient/i.test((error as Error).message) || limits.totalBytes <= smallestStreamBytes) throw error;
    await openLargestStream(manager, { ...limits, totalBytes: limits.totalBytes / 2 });
  }
}

async function openStream(manager: JetStreamManager, limits: StreamLimits): Promise<void> {
  const stream = {
    subjects: [reportStreamSubjects],
    // A full stream refuses a device's report, which stays in its outbox; it never drops an older one instead.
    discard: DiscardPolicy.New,
    max_bytes: limits.totalBytes,
    max_msgs_per_subject: limits.waitingReports,
    discard_new_per_subject: true,
    // Only the acknowledgement of the ingestion takes a report out, whoever gets hold of the API.
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
      // What is acknowledged is in the database; the stream keeps only what is not.
      retention: RetentionPolicy.Workqueue,
    });
  }
}

export function isNotFound(error: unknown): boolean {
  return /not found/i.test((error as Error).message);
}
