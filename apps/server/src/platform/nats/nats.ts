// The bus: a nats-server that this process starts and watches, or the one that NATS_URL names, and the
// two connections to it.

import { errorFields, type Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { tlsOptions } from "@attune/shared/nats-address";
import { reportStream } from "@attune/shared/subjects";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { ServerPlaces } from "../home.js";
import type { SupervisedProcess } from "../process-supervision.js";
import { createNatsCredentials, type NatsCredentials, type OwnUser } from "./nats-credentials.js";
import { openNatsKeys } from "./nats-keys.js";
import { startNatsServer, stopNatsOrphan, writeNatsConfiguration } from "./nats-server.js";

export interface Nats {
  /** The address at which this server reaches NATS. */
  readonly url: string;
  /** The address at which this server reaches NATS by WebSocket; undefined where NATS speaks none. */
  readonly websocketUrl: string | undefined;
  /** The connection of the server's own user; reconnects for ever. */
  readonly connection: NatsConnection;
  readonly credentials: NatsCredentials;
  /**
   * Connects to the devices' account, while it still holds an earlier release's stream. The
   * caller closes the connection.
   */
  connectToEarlierStream(): Promise<NatsConnection>;
  /** The pid of the supervised nats-server; undefined for an external one, and while it is being restarted. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

interface NatsOptions {
  readonly places: ServerPlaces;
  readonly logger: Logger;
  readonly now: () => number;
  /** An existing nats-server that trusts this server's operator key. */
  readonly externalUrl: string | undefined;
  readonly externalWebsocketUrl?: string | undefined;
  readonly listenHost: string;
  /** Called once an orphan of an earlier server has been stopped, so that its port counts as free. */
  readonly choosePort: () => Promise<number>;
  /** Without it the server's own nats-server speaks no WebSocket. */
  readonly chooseWebsocketPort?: () => Promise<number>;
  /** The path of the nats-server program. */
  readonly findProgram: () => Promise<string>;
  /** A connection that leaves two pings in a row unanswered is opened anew; default 30,000, as on the devices. */
  readonly pingIntervalMs?: number | undefined;
}

export async function startNats(options: NatsOptions): Promise<Nats> {
  const { places, logger, now, pingIntervalMs = 30_000 } = options;
  const keys = await openNatsKeys(places.keys);
  let system: NatsConnection | undefined;
  const credentials = await createNatsCredentials({
    keys,
    directory: places.keys,
    now,
    systemConnection: () => system,
    logger,
  });
  const { url, websocketUrl, child } = await reachServer(options, credentials);
  const openAs = (user: OwnUser) => open({ url, user, credentials, logger, pingIntervalMs });
  const opened: NatsConnection[] = [];
  const stop = async () => {
    await Promise.all(opened.map((connection) => connection.close().catch(() => undefined)));
    await child?.stop();
  };
  try {
    system = await openAs("system");
    opened.push(system);
    // The push gives the accounts to an external nats-server. The server's own has read them; if it refuses the
    // push, it loses nothing.
    await credentials.push().catch((error) => logger.warn("nats.push.failed", errorFields(error)));
    const connection = await openAs("server");
    opened.push(connection);
    const version = connection.info?.version;
    logger.info("nats.ready", { url, pid: child?.pid(), version });
    if (version !== undefined && isCrashable(version)) {
      const why = "a crafted message from an enrolled device crashes it; install nats-server 2.9.15 or newer";
      logger.warn("nats.outdated", { version, why });
    }
    const connectToEarlierStream = () => openAs("mover");
    return { url, websocketUrl, connection, credentials, connectToEarlierStream, pid: () => child?.pid(), stop };
  } catch (cause) {
    await stop();
    if (cause instanceof AppError) throw cause;
    throw new AppError(
      "NATS_UNAVAILABLE",
      `the server cannot connect to NATS at ${url}: ${errorFields(cause).message}`,
      {
        cause,
      },
    );
  }
}

interface ExternalNatsOptions {
  readonly places: ServerPlaces;
  /**
   * The directory of nats-server's configuration, accounts and store, under the path by which nats-server will find it.
   */
  readonly directory: string;
  readonly listenHost: string;
  readonly port: number;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Writes the files by which an external nats-server trusts this server, and returns the configuration file's path. */
export async function prepareExternalNats(options: ExternalNatsOptions): Promise<string> {
  const { places, directory, listenHost, port, now, logger } = options;
  const keys = await openNatsKeys(places.keys);
  const systemConnection = () => undefined;
  const credentials = await createNatsCredentials({ keys, directory: places.keys, now, systemConnection, logger });
  return writeNatsConfiguration({ listenHost, port, directory, credentials });
}

async function reachServer(
  options: NatsOptions,
  credentials: NatsCredentials,
): Promise<{ url: string; websocketUrl: string | undefined; child?: SupervisedProcess }> {
  const { places, logger, listenHost, externalUrl } = options;
  if (externalUrl !== undefined) return { url: externalUrl, websocketUrl: options.externalWebsocketUrl };
  const binary = await options.findProgram();
  await stopNatsOrphan(places.nats, logger);
  const port = await options.choosePort();
  const websocketPort = await options.chooseWebsocketPort?.();
  const url = `nats://${clientHost(listenHost)}:${port}`;
  const child = await startNatsServer({
    binary,
    listenHost,
    port,
    websocketPort,
    directory: places.nats,
    credentials,
    // JetStream answers a moment after the first connection does.
    isReady: async () => (await ask({ url, credentials, user: "server", subject: "$JS.API.INFO" })) !== undefined,
    isAlive: () => isAlive(url, credentials),
    logger,
  });
  const websocketUrl = websocketPort === undefined ? undefined : `ws://127.0.0.1:${websocketPort}`;
  return { url, websocketUrl, child };
}

/** Versions before 2.9.15 recurse without end on a reply subject with a wildcard that passes a service import. */
function isCrashable(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major < 2 || (major === 2 && (minor < 9 || (minor === 9 && patch < 15)));
}

/** Whether the address means all addresses, of IPv4 or of both kinds. */
export function isWildcard(listenHost: string): boolean {
  return listenHost === "0.0.0.0" || listenHost === "::";
}

/** The address to connect to: "all addresses" is an address to listen on only. */
export function clientHost(listenHost: string): string {
  if (listenHost === "0.0.0.0") return "127.0.0.1";
  if (listenHost === "::") return "[::1]";
  return listenHost.includes(":") ? `[${listenHost}]` : listenHost;
}

/**
 * Whether JetStream still stores. After a full disk, 2.9's answers nothing about the stream; a newer one answers
 * and stores nothing more.
 */
async function isAlive(url: string, credentials: NatsCredentials): Promise<boolean> {
  const subject = `$JS.API.STREAM.INFO.${reportStream}`;
  // A reply that the stream does not exist is an answer too.
  if ((await ask({ url, credentials, user: "server", subject })) === undefined) return false;
  const health = await ask({ url, credentials, user: "system", subject: "$SYS.REQ.SERVER.PING.HEALTHZ" });
  return health === undefined || !/write error/i.test(health);
}

interface Question {
  readonly url: string;
  readonly credentials: NatsCredentials;
  readonly user: OwnUser;
  readonly subject: string;
}

/** Asks over a connection of its own, because an earlier one may be stuck. Undefined without an answer. */
async function ask({ url, credentials, user, subject }: Question): Promise<string | undefined> {
  try {
    const connection = await connect({
      servers: url,
      authenticator: credentials.authenticator(user),
      timeout: 2_000,
      reconnect: false,
    });
    const answer = await connection.request(subject, "{}", { timeout: 2_000 }).catch(() => undefined);
    // A stuck broker does not end a connection either, so the close is not awaited.
    void connection.close().catch(() => undefined);
    return answer?.string();
  } catch {
    return undefined;
  }
}

interface OpenOptions {
  readonly url: string;
  readonly user: OwnUser;
  readonly credentials: NatsCredentials;
  readonly logger: Logger;
  readonly pingIntervalMs: number;
}

async function open({ url, user, credentials, logger, pingIntervalMs }: OpenOptions): Promise<NatsConnection> {
  const connection = await connect({
    servers: url,
    name: `attune-${user}`,
    authenticator: credentials.authenticator(user),
    ...tlsOptions([url]),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    timeout: 5_000,
    pingInterval: pingIntervalMs,
  });
  // A revocation that could not be pushed while the connection was away is pushed now.
  const reconnected = () => {
    if (user === "system") credentials.push().catch((error) => logger.warn("nats.push.failed", errorFields(error)));
  };
  void watch(connection, { user, logger, reconnected });
  return connection;
}

interface WatchOptions {
  readonly user: string;
  readonly logger: Logger;
  readonly reconnected: () => void;
}

/** Ends when the connection is closed. */
async function watch(connection: NatsConnection, { user, logger, reconnected }: WatchOptions): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect" || status.type === "reconnect") logger.warn(`nats.${status.type}`, { user });
    if (status.type === "reconnect") reconnected();
    if (status.type === "error") logger.warn("nats.error", { user, ...errorFields(status.error) });
  }
}
