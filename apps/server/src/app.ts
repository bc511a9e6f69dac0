// The life of a server: its parts start in the order in which they need each other, and stop in the reverse order.

import { rm } from "node:fs/promises";
import { writeFileDurably } from "@attune/platform/durable-file";
import { acquireHomeLock } from "@attune/platform/home-lock";
import { errorFields, type Logger } from "@attune/platform/logger";
import { isPresent } from "@attune/platform/presence";
import { type Contracts, egressContracts } from "@attune/shared/contracts/egress";
import { chunkSizeBytes } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { createAuthentication } from "./access/authentication.js";
import { createAppRouter } from "./app-router.js";
import { natsUrlsFor, openNats, openPostgres, portRequest } from "./backends.js";
import { composeServices, type Services } from "./compose.js";
import { type ChunkStore, createChunkStore } from "./content/chunk-store.js";
import { createSending, defaultSending } from "./content/sending.js";
import { publishedContract as defaultPublished, servedContracts } from "./contract-window.js";
import type { ServerEnv } from "./env.js";
import { createHttpServer, type HttpServer } from "./http.js";
import { startIntake } from "./ingestion/intake.js";
import { withDeadline } from "./platform/deadline.js";
import { makePlaces, placesOf, type ServerPlaces } from "./platform/home.js";
import { openAdminToken } from "./platform/http/admin-token.js";
import { createCallBudget, defaultCallBudget } from "./platform/http/call-budget.js";
import { connectionLimitsHere } from "./platform/http/http-connections.js";
import { clientHost, type Nats } from "./platform/nats/nats.js";
import { openPorts } from "./platform/ports.js";
import { type Database, openDatabase } from "./platform/postgres/database.js";
import { migrate } from "./platform/postgres/migrate.js";
import type { Postgres } from "./platform/postgres/postgres.js";
import { openReleaseSigner } from "./signing/sign.js";

export interface App {
  readonly httpUrl: string;
  readonly natsUrl: string;
  /** The process ids of this server's own children; undefined for an external one, and while it is being restarted. */
  pids(): { readonly postgres: number | undefined; readonly nats: number | undefined };
  /** Refuses new work, finishes the work in hand, and stops the children. A second call waits for the first. */
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly env: ServerEnv;
  readonly logger: Logger;
  /** Ends a start that is under way; a running app is ended by `stop`. */
  readonly signal?: AbortSignal;
  readonly now?: () => number;
  /** The versions of the egress contract that this server takes. */
  readonly contracts?: Contracts;
  /** The version that its new releases carry. */
  readonly publishedContract?: number;
  /** How often the connections to the broker are probed. */
  readonly natsPingIntervalMs?: number | undefined;
}

interface Part {
  readonly name: string;
  stop(): Promise<void>;
}

/** Starts every part. Throws the fault of a part that cannot start, once the parts before it are stopped. */
export async function createApp(options: AppOptions): Promise<App> {
  const { logger } = options;
  const parts: Part[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopParts(parts, logger);
    return stopped;
  };
  try {
    return { ...(await startParts(options, parts)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(options: AppOptions, parts: Part[]): Promise<Omit<App, "stop">> {
  const { env, logger, signal } = options;
  const places = placesOf(env.home);
  await makePlaces(places);
  const lock = await acquireHomeLock(places.lockFile);
  parts.push({ name: "lock", stop: lock.release });
  await assertRestored(places);
  await rm(places.readyFile, { force: true });
  const ports = await openPorts(places.portsFile);
  // The port is chosen before anything starts: a taken port is the most likely fault, and the cheapest to find.
  const httpPort = await ports.choose(portRequest(env, "ATTUNE_HTTP_PORT"));

  const now = options.now ?? Date.now;
  const nats = await openNats({ env, places, ports, logger, now, pingIntervalMs: options.natsPingIntervalMs });
  parts.push({ name: "nats", stop: nats.stop });
  signal?.throwIfAborted();
  const postgres = await openPostgres({ env, places, ports, logger });
  parts.push({ name: "postgres", stop: postgres.stop });
  signal?.throwIfAborted();
  await migrate({ connectionString: postgres.connectionString, logger });
  const open = { places, nats, parts, ...openDatabases(postgres, { logger, parts }), ...openStores(places) };
  signal?.throwIfAborted();

  const services = await startServices(options, open);
  const http = await startHttp(options, { ...open, services });
  await http.listen(env.host, httpPort);
  const httpUrl = `http://${clientHost(env.host)}:${httpPort}`;
  const ready = { httpUrl, natsUrl: nats.url, pid: process.pid };
  await writeFileDurably(places.readyFile, `${JSON.stringify(ready)}\n`);
  parts.push({ name: "ready.json", stop: () => rm(places.readyFile, { force: true }) });
  logger.info("server.ready", ready);
  return { httpUrl, natsUrl: nats.url, pids: () => ({ postgres: postgres.pid(), nats: nats.pid() }) };
}

async function assertRestored({ home, restoringFile }: ServerPlaces): Promise<void> {
  if (!(await isPresent(restoringFile))) return;
  throw new AppError("INVALID_CONFIGURATION", `a restore into ${home} did not end; run attune restore again`);
}

/** The parts that services and HTTP build on. */
interface OpenParts {
  readonly places: ServerPlaces;
  readonly nats: Nats;
  readonly database: Database;
  readonly publicDatabase: Database;
  readonly chunkStore: ChunkStore;
  readonly manifests: ChunkStore;
  /** Takes each started part, for the end. */
  readonly parts: Part[];
}

function openDatabases(
  { connectionString }: Postgres,
  { logger, parts }: { readonly logger: Logger; readonly parts: Part[] },
): Pick<OpenParts, "database" | "publicDatabase"> {
  const [database, publicDatabase] = [openDatabase(connectionString, logger), openDatabase(connectionString, logger)];
  parts.push({ name: "database", stop: () => database.$disconnect() });
  parts.push({ name: "public database", stop: () => publicDatabase.$disconnect() });
  return { database, publicDatabase };
}

/** A manifest lists a chunk in about a hundred bytes: this leaves room for extractors of gigabytes. */
const maxManifestBytes = 4 * 1024 * 1024;

function openStores(places: ServerPlaces): Pick<OpenParts, "chunkStore" | "manifests"> {
  return {
    chunkStore: createChunkStore(places.chunks, chunkSizeBytes),
    manifests: createChunkStore(places.manifests, maxManifestBytes),
  };
}

/** Devices say nothing new more often than they poll. */
const maxTurnPauseMs = 10_000;

async function startServices(
  { env, logger, now = Date.now, contracts = servedContracts(egressContracts), publishedContract }: AppOptions,
  { places, nats, parts, ...open }: OpenParts,
): Promise<Services & { readonly metrics: () => Promise<string> }> {
  const services = composeServices({
    ...open,
    credentials: nats.credentials,
    signer: await openReleaseSigner(places.keys),
    natsUrls: natsUrlsFor({ env, nats, logger }),
    pollIntervalMs: env.pollIntervalMs,
    contracts,
    publishedContract: publishedContract ?? defaultPublished,
    now,
    logger,
  });
  const intake = startIntake({ directory: places.server, nats, service: services.ingestion, logger });
  parts.push({ name: "ingestion", stop: intake.stop });
  const ticking = services.rolloutTicker.start(Math.min(maxTurnPauseMs, env.pollIntervalMs));
  parts.push({ name: "rollouts", stop: ticking });
  // A server that was killed in the middle of a revocation had stored it in the database only.
  if (!(await services.fleets.reconcileRevocations())) logger.warn("revocations.notPushed");
  const planner = services.rolloutTicker.counters;
  return { ...services, metrics: services.metricsWith({ reports: intake.counters, lag: intake.lag, planner }) };
}

async function startHttp(
  { env, logger, now: clock = Date.now }: AppOptions,
  {
    places,
    nats,
    database,
    chunkStore,
    manifests,
    services,
    parts,
  }: OpenParts & { readonly services: Services & { readonly metrics: () => Promise<string> } },
): Promise<HttpServer> {
  const now = () => performance.now();
  const http = await createHttpServer({
    router: createAppRouter(services),
    authentication: createAuthentication({
      isOwner: await openAdminToken(places.adminTokenFile),
      find: services.findAccess,
      now: clock,
    }),
    content: { chunkStore, manifests, sending: createSending({ ...defaultSending, now }) },
    connections: connectionLimitsHere(),
    callBudget: createCallBudget({ ...defaultCallBudget, now }),
    metrics: services.metrics,
    brokerUrl: nats.websocketUrl,
    trustedProxies: env.trustedProxies,
    isHealthy: async () => {
      await Promise.all([database.$queryRaw`SELECT 1`, nats.connection.flush()]);
      return true;
    },
    logger,
  });
  parts.push({ name: "http", stop: http.close });
  return http;
}

async function stopParts(parts: readonly Part[], logger: Logger): Promise<void> {
  for (const part of parts.toReversed()) {
    try {
      await stopInTime(part);
    } catch (error) {
      logger.error("stop.failed", { part: part.name, ...errorFields(error) });
    }
  }
}

/** Longer than the time that the children get before they are killed. */
const stopTimeoutMs = 25_000;

/** A part that hangs must not keep the parts behind it, PostgreSQL above all, from a clean end. */
async function stopInTime(part: Part): Promise<void> {
  await withDeadline(part.stop(), stopTimeoutMs, () => {
    throw new AppError("TIMED_OUT", `${part.name} did not stop in time`);
  });
}
