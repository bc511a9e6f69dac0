// Reports over NATS JetStream, whichever runtime connects, with the device's own inbox and endless reconnection.

import { backoffMs } from "@attune/shared/backoff";
import { AppError } from "@attune/shared/errors";
import { inboxPrefix, reportStream } from "@attune/shared/subjects";
import { JetStreamApiError, jetstream, type PubAck } from "@nats-io/jetstream";
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import type { Log, ReportConnection, ReportCredentials, ReportTransport } from "../core/ports.js";

/** `userJwt` returns the newest JWT: a connection that outlives its own reconnects with the renewed one. */
type Dial = (options: Dialling, userJwt: () => string) => Promise<NatsConnection>;
type Dialling = ConnectionOptions & { readonly servers: string[] };

export interface ReportTransportOptions {
  readonly log: Log;
  /** The address that takes precedence over the addresses of the credentials. */
  readonly url?: string | undefined;
  readonly connectTimeoutMs?: number;
  readonly publishTimeoutMs?: number;
  /** First and longest pause between two attempts to reconnect; the pauses double and are jittered. */
  readonly reconnect?: { readonly firstMs: number; readonly maxMs: number };
}

export function createReportTransport(dial: Dial, options: ReportTransportOptions): ReportTransport {
  const userJwts = new Map<string, string>();
  return {
    connect: async (credentials, signal) => {
      signal.throwIfAborted();
      userJwts.set(credentials.device, credentials.userJwt);
      const userJwt = () => userJwts.get(credentials.device) ?? credentials.userJwt;
      const { connection, line } = await open({ credentials, options, dial: (dialling) => dial(dialling, userJwt) });
      if (signal.aborted) {
        await connection.close();
        signal.throwIfAborted();
      }
      return createReportConnection({ connection, line, publishTimeoutMs: options.publishTimeoutMs ?? 5_000 });
    },
  };
}

interface Opening {
  readonly credentials: ReportCredentials;
  readonly dial: (dialling: Dialling) => Promise<NatsConnection>;
  readonly options: ReportTransportOptions;
}

async function open({ credentials, dial, options }: Opening): Promise<{ connection: NatsConnection; line: Line }> {
  const backoff = createBackoff(options.reconnect ?? { firstMs: 250, maxMs: 120_000 });
  const servers = options.url === undefined ? [...credentials.urls] : [options.url];
  let connection: NatsConnection;
  try {
    connection = await dial({
      servers,
      inboxPrefix: inboxPrefix(credentials.device),
      timeout: options.connectTimeoutMs ?? 5_000,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: backoff.next,
      // An expired JWT is renewed at the next poll. Without reconnection the device would stay mute for ever.
      ignoreAuthErrorAbort: true,
      ignoreClusterUpdates: true,
      pingInterval: 30_000,
    });
  } catch (cause) {
    // An address that only the server's machine can reach looks like a broker that is down, unless it is named.
    for (const url of servers)
      options.log("warn", "nats.unreachable", { broker: new URL(url).host, fault: faultOf(cause) });
    throw brokerFault(cause);
  }
  return { connection, line: watch(connection, backoff, options.log) };
}

/**
 * The connection while it is up: its signal aborts when the connection goes down, and a new line begins
 * when it is back.
 */
interface Line {
  up: AbortController;
}

function watch(connection: NatsConnection, backoff: Backoff, log: Log): Line {
  const line: Line = { up: new AbortController() };
  const follow = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") line.up.abort();
      if (status.type === "reconnect") {
        backoff.reset();
        line.up = new AbortController();
      }
      if (status.type === "disconnect" || status.type === "reconnect") log("info", `nats.${status.type}`, {});
      if (status.type === "error") log("warn", "nats.error", { fault: status.error.name });
    }
    line.up.abort();
  };
  backoff.reset();
  void follow();
  return line;
}

interface Backoff {
  /** The next pause, in milliseconds. */
  readonly next: () => number;
  readonly reset: () => void;
}

/** Doubling pauses with jitter: a thousand devices that lost one broker must not come back in the same moment. */
function createBackoff(
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
  random: () => number = Math.random,
): Backoff {
  let failures = 0;
  return {
    next: () => {
      failures++;
      return backoffMs(failures, { minMs: firstMs, maxMs: maxMs }, random);
    },
    reset: () => {
      failures = 0;
    },
  };
}

interface Connected {
  readonly connection: NatsConnection;
  readonly line: Line;
  readonly publishTimeoutMs: number;
}

function createReportConnection({ connection, line, publishTimeoutMs }: Connected): ReportConnection {
  const stream = jetstream(connection, { timeout: publishTimeoutMs });
  return {
    publish: async ({ bytes }, { subject, messageId }, signal) => {
      signal.throwIfAborted();
      const up = line.up.signal;
      if (up.aborted) throw new AppError("NATS_UNAVAILABLE", "the broker is out of reach; reconnecting");
      const acknowledged = stream.publish(subject, bytes, {
        msgID: messageId,
        expect: { streamName: reportStream },
        timeout: publishTimeoutMs,
      });
      try {
        const ack = await orAborted(acknowledged, AbortSignal.any([signal as globalThis.AbortSignal, up]));
        if (!namesAPlace(ack)) throw new Error("the acknowledgement names no place in the stream of reports");
      } catch (cause) {
        signal.throwIfAborted();
        if (up.aborted)
          throw new AppError("NATS_UNAVAILABLE", "the broker went away before it acknowledged", { cause });
        throw brokerFault(cause);
      }
    },
    close: async () => {
      if (!connection.isClosed()) await connection.close();
    },
  };
}

/** All that an acknowledgement can show. Only TLS makes sure that it comes from the broker and is true. */
function namesAPlace({ stream, seq }: PubAck): boolean {
  return stream === reportStream && Number.isSafeInteger(seq) && seq >= 1;
}

/** An acknowledgement that comes after the abort is ignored: the report is sent again and counted once by its id. */
async function orAborted<T>(acknowledged: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([acknowledged, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    acknowledged.catch(() => undefined);
  }
}

function brokerFault(cause: unknown): AppError {
  const name = cause instanceof Error ? cause.name : "unknown";
  if (cause instanceof JetStreamApiError) {
    return new AppError("NATS_UNAVAILABLE", `the broker did not store the report (code ${cause.code})`, { cause });
  }
  if (name === "TimeoutError") return new AppError("TIMED_OUT", "the broker did not acknowledge in time", { cause });
  if (name === "AuthorizationError" || name === "UserAuthenticationExpiredError") {
    return new AppError("UNAUTHORIZED", "the broker refused the device's credentials", { cause });
  }
  const why = cause instanceof Error ? `: ${cause.message.slice(0, 500)}` : "";
  return new AppError("NATS_UNAVAILABLE", `the broker cannot be reached (${faultOf(cause)})${why}`, { cause });
}

/**
 * One word, because a log takes no more: Node's code for a certificate that is not the broker's, or the error's name.
 */
function faultOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  if (cause.message.includes("does not support 'tls'")) return "NO_TLS";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
}
