// The loop that reports: it keeps a connection to the broker and publishes the outbox, the oldest reports first.

import { AppError } from "@attune/shared/errors";
import { reportSubject } from "@attune/shared/subjects";
import type { Credentials } from "../agent-state.js";
import { createBackoff } from "../concurrency/backoff.js";
import { withTimeout } from "../concurrency/timeout.js";
import type { ReportConnection } from "../ports.js";
import { codeOf, type LoopParts } from "./loop-parts.js";

const publishedAtOnce = 64;

export async function reportLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, reportWakeup, requestTimeoutMs, onRoom } = parts;
  const { ports, agentState, egress } = context;
  const { clock, hashing, reports, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  let connection: ReportConnection | undefined;
  let connectedWith: Credentials | undefined;

  async function connect(): Promise<ReportConnection> {
    const { identity, credentials } = agentState;
    if (identity === undefined || credentials === undefined) throw new AppError("NOT_ENROLLED", "no credentials");
    if (connection !== undefined && connectedWith === credentials) return connection;
    await disconnect();
    const { urls, userJwt } = credentials;
    const { device, fleet } = identity;
    connection = await withTimeout((connecting) => reports.connect({ urls, userJwt, device, fleet }, connecting), {
      clock,
      timeoutMs: requestTimeoutMs,
      signal,
    });
    connectedWith = credentials;
    agentState.connected.nats = true;
    agentState.lastError.nats = null;
    return connection;
  }

  async function disconnect(): Promise<void> {
    const open = connection;
    connection = undefined;
    agentState.connected.nats = false;
    await open?.close().catch(() => undefined);
  }

  /** Publishes the oldest reports side by side; each leaves the outbox only after its own acknowledgement. */
  async function publish(through: ReportConnection): Promise<void> {
    const waiting = await egress.waiting(publishedAtOnce);
    const results = await Promise.allSettled(
      waiting.map(({ cleared }) => {
        const { epoch, sequence, device } = cleared.message;
        // The broker drops repeated ids across the whole stream. The device's number in the id keeps other devices from claiming its reports.
        const messageId = `${device}-${epoch}-${sequence}`;
        const route = { subject: reportSubject(agentState.identity!.fleet, device), messageId };
        return withTimeout((publishing) => through.publish(cleared, route, publishing), {
          clock,
          timeoutMs: requestTimeoutMs,
          signal,
        });
      }),
    );
    const acknowledged = waiting.filter((_, i) => results[i]?.status === "fulfilled");
    if (acknowledged.length > 0) {
      await egress.acknowledged(acknowledged);
      await onRoom();
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  while (!signal.aborted) {
    try {
      const open = await connect();
      if (egress.sendable === 0) await reportWakeup.wait(signal);
      else await publish(open);
      backoff.reset();
    } catch (error) {
      await disconnect();
      if (signal.aborted) break;
      agentState.lastError.nats = codeOf(error);
      log("warn", "report.failed", { code: codeOf(error), pending: egress.pending });
      await backoff.pause(signal);
    }
  }
  await disconnect();
}
