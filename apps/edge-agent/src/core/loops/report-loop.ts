// The loop that reports: it keeps a connection to the broker and publishes the outbox, the oldest reports first.

import { AppError, codeOf } from "@attune/shared/errors";
import { reportSubject } from "@attune/shared/subjects";
import type { Credentials } from "../agent-state.js";
import { createBackoff } from "../concurrency/backoff.js";
import { withTimeout } from "../concurrency/timeout.js";
import type { WaitingReport } from "../egress/outbox.js";
import { doDueWork } from "../jobs/due-work.js";
import type { ReportConnection } from "../ports.js";
import type { LoopParts } from "./loop-parts.js";

const publishedAtOnce = 64;

export async function reportLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, reportWakeup } = parts;
  const { ports, agentState, egress } = context;
  const { clock, hashing, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  const broker = createBrokerLink(parts, signal);
  while (!signal.aborted) {
    try {
      const connection = await broker.connect();
      if (egress.sendable === 0) await reportWakeup.wait(signal);
      else await publish(parts, connection, signal);
      backoff.reset();
    } catch (error) {
      await broker.disconnect();
      if (signal.aborted) break;
      agentState.lastError.nats = codeOf(error);
      log("warn", "report.failed", { code: codeOf(error), pending: egress.pending });
      await backoff.pause(signal);
    }
  }
  await broker.disconnect();
}

interface BrokerLink {
  /** The open connection, made anew where the credentials have changed. */
  connect(): Promise<ReportConnection>;
  disconnect(): Promise<void>;
}

function createBrokerLink({ context, requestTimeoutMs }: LoopParts, signal: AbortSignal): BrokerLink {
  const { ports, agentState } = context;
  let connection: ReportConnection | undefined;
  let connectedWith: Credentials | undefined;

  async function disconnect(): Promise<void> {
    const open = connection;
    connection = undefined;
    agentState.connected.nats = false;
    await open?.close().catch(() => undefined);
  }

  return {
    async connect() {
      const { identity, credentials } = agentState;
      if (identity === undefined || credentials === undefined) throw new AppError("NOT_ENROLLED", "no credentials");
      if (connection !== undefined && connectedWith === credentials) return connection;
      await disconnect();
      const { urls, userJwt } = credentials;
      const { device, fleet } = identity;
      connection = await withTimeout(
        (connecting) => ports.reports.connect({ urls, userJwt, device, fleet }, connecting),
        {
          clock: ports.clock,
          timeoutMs: requestTimeoutMs,
          signal,
        },
      );
      connectedWith = credentials;
      agentState.connected.nats = true;
      agentState.lastError.nats = null;
      return connection;
    },
    disconnect,
  };
}

/** Publishes the oldest reports side by side; each leaves the outbox only after its own acknowledgement. */
async function publish(
  { context, requestTimeoutMs }: LoopParts,
  connection: ReportConnection,
  signal: AbortSignal,
): Promise<void> {
  const { ports, agentState, egress } = context;
  const { fleet } = agentState.identity!;
  const waiting = await egress.waiting(publishedAtOnce);
  const results = await Promise.allSettled(
    waiting.map(({ cleared }) =>
      withTimeout((publishing) => connection.publish(cleared, routeOf(cleared, fleet), publishing), {
        clock: ports.clock,
        timeoutMs: requestTimeoutMs,
        signal,
      }),
    ),
  );
  const acknowledged = waiting.filter((_, i) => results[i]?.status === "fulfilled");
  if (acknowledged.length > 0) {
    await egress.acknowledged(acknowledged);
    // Reports may be due that found no room in the outbox before.
    await context.exclusive(() => doDueWork(context));
  }
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function routeOf({ message }: WaitingReport["cleared"], fleet: string): { subject: string; messageId: string } {
  const { device, epoch, sequence } = message;
  // The broker drops repeated ids across the whole stream. The device's number in the id keeps other devices
  // from claiming its reports.
  return { subject: reportSubject(fleet, device), messageId: `${device}-${epoch}-${sequence}` };
}
