// The composition root: every part of the server, made in the order in which it needs the others, and stopped in the reverse.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "@attune/platform/durable-file";
import { errorFields, type Logger } from "@attune/platform/logger";
import { chunkSizeBytes } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { createAppRouter } from "./app-router.js";
import { createAuditRepository } from "./audit/audit.repository.js";
import { createRegistryRepository } from "./catalogue/catalogue.repository.js";
import { createRegistryService } from "./catalogue/catalogue.service.js";
import { createChunkStore } from "./content/chunk-store.js";
import { createSending, defaultSending } from "./content/sending.js";
import { brokerUrls } from "./devices/broker-address.js";
import { createDeviceRepository } from "./devices/device.repository.js";
import { createDeviceService } from "./devices/device.service.js";
import type { ServerEnv } from "./env.js";
import { createHttpServer } from "./http.js";
import { startIngestion } from "./ingestion/ingestion.consumer.js";
import { createIngestionRepository } from "./ingestion/ingestion.repository.js";
import { createIngestionService } from "./ingestion/ingestion.service.js";
import { moveReports } from "./ingestion/report.move.js";
import { diskRoom, streamRoom, watchRoom } from "./ingestion/room.watch.js";
import { makePlaces, placesOf, type ServerPlaces } from "./platform/home.js";
import { acquireHomeLock } from "./platform/home-lock.js";
import { openAdminToken } from "./platform/http/admin-token.js";
import { createCallBudget, defaultCallBudget } from "./platform/http/call-budget.js";
import { connectionLimitsHere } from "./platform/http/http-connections.js";
import { clientHost, isWildcard, type Nats, startNats } from "./platform/nats/nats.js";
import { findNatsServer } from "./platform/nats/nats-program.js";
import { natsSources } from "./platform/nats/nats-sources.js";
import { openPorts, type PortRequest, type Ports } from "./platform/ports.js";
import { type Database, openDatabase } from "./platform/postgres/database.js";
import { migrate } from "./platform/postgres/migrate.js";
import {
  assertReachable,
  type Postgres,
  startEmbeddedPostgres,
  useExternalPostgres,
} from "./platform/postgres/postgres.js";
import { createRolloutRepository } from "./rollouts/rollout.repository.js";
import { createRolloutService } from "./rollouts/rollout.service.js";
import { openReleaseSigner } from "./signing/sign.js";

export interface App {
  readonly httpUrl: string;
  readonly natsUrl: string;
  /** The children's, where they are this server's own and run just now. */
  pids(): { readonly postgres: number | undefined; readonly nats: number | undefined };
  /** Takes nothing more in, finishes what is in hand, stops the children. A second call waits for the first. */
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly env: ServerEnv;
  readonly logger: Logger;
  /** Ends a start that is under way; a running app is ended by `stop`. */
  readonly signal?: AbortSignal;
  readonly now?: () => number;
}

interface Part {
  readonly name: string;
  stop(): Promise<void>;
}

/** Starts everything, or throws with everything stopped again. */
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

async function startParts({ env, logger, signal, now = Date.now }: AppOptions, parts: Part[]) {
  const places = placesOf(env.home);
  await makePlaces(places);
  const lock = await acquireHomeLock(places.lockFile);
  parts.push({ name: "lock", stop: lock.release });
  await rm(places.readyFile, { force: true });
  const ports = await openPorts(places.portsFile);
  // Chosen before anything is started: of all faults, a taken port is the most likely and the cheapest to find.
  const httpPort = await ports.choose(portRequest(env, "ATTUNE_HTTP_PORT"));

  const nats = await startNats({
    places,
    logger,
    now,
    externalUrl: env.natsUrl,
    listenHost: env.host,
    choosePort: () => ports.choose(portRequest(env, "ATTUNE_NATS_PORT")),
    findProgram: () => findNatsProgram(env, places, logger),
  });
  parts.push({ name: "nats", stop: nats.stop });
  signal?.throwIfAborted();

  const postgres = await openPostgres({ env, places, ports, logger });
  parts.push({ name: "postgres", stop: postgres.stop });
  signal?.throwIfAborted();
  await migrate({ connectionString: postgres.connectionString, logger });
  const database = openDatabase(postgres.connectionString, logger);
  parts.push({ name: "database", stop: () => database.$disconnect() });
  signal?.throwIfAborted();

  const ending = new AbortController();
  const ingestion = startIngestion({
    connection: () => nats.connection,
    service: createIngestionService(createIngestionRepository(database, now)),
    log: logger,
    signal: ending.signal,
  });
  // Beside the ingestion, which makes room for what is moved.
  const moving = moveReports({ nats, log: logger, signal: ending.signal });
  const watching = watchRoom({
    rooms: { disk: diskRoom(places.server), stream: streamRoom(nats.connection) },
    log: logger,
    signal: ending.signal,
  });
  parts.push({
    name: "ingestion",
    stop: async () => {
      ending.abort();
      await Promise.all([ingestion.done, moving, watching]);
    },
  });

  // Anybody may enrol and poll; the ingestion and the fleet manager never wait behind them.
  const publicDatabase = openDatabase(postgres.connectionString, logger);
  parts.push({ name: "public database", stop: () => publicDatabase.$disconnect() });
  const http = await openHttp({ env, places, database, publicDatabase, nats, logger, now });
  parts.push({ name: "http", stop: http.close });
  await http.listen(env.host, httpPort);
  const httpUrl = `http://${clientHost(env.host)}:${httpPort}`;
  const ready = { httpUrl, natsUrl: nats.url, pid: process.pid };
  await writeFileDurably(places.readyFile, `${JSON.stringify(ready)}\n`);
  parts.push({ name: "ready.json", stop: () => rm(places.readyFile, { force: true }) });
  logger.info("server.ready", ready);
  return { httpUrl, natsUrl: nats.url, pids: () => ({ postgres: postgres.pid(), nats: nats.pid() }) };
}

async function findNatsProgram(env: ServerEnv, places: ServerPlaces, logger: Logger): Promise<string> {
  const own = join(places.server, "programs");
  return findNatsServer({
    configured: env.natsServerBinary,
    path: env.path,
    directories: env.cacheDirectory === undefined ? [own] : [env.cacheDirectory, own],
    sources: await natsSources(env.proxies),
    logger,
  });
}

interface PostgresNeeds {
  readonly env: ServerEnv;
  readonly places: ServerPlaces;
  readonly ports: Ports;
  readonly logger: Logger;
}

async function openPostgres({ env, places, ports, logger }: PostgresNeeds): Promise<Postgres> {
  if (env.databaseUrl !== undefined) {
    await assertReachable(env.databaseUrl);
    return useExternalPostgres(env.databaseUrl);
  }
  const choosePort = () => ports.choose(portRequest(env, "ATTUNE_POSTGRES_PORT"));
  return startEmbeddedPostgres({ places, choosePort, logger });
}

function portRequest(env: ServerEnv, variable: PortRequest["variable"]): PortRequest {
  switch (variable) {
    case "ATTUNE_HTTP_PORT":
      return { variable, configured: env.httpPort, host: env.host, known: true };
    case "ATTUNE_NATS_PORT":
      return { variable, configured: env.natsPort, host: env.host, known: true };
    case "ATTUNE_POSTGRES_PORT":
      return { variable, configured: env.postgresPort, host: "127.0.0.1", known: false };
  }
}

interface HttpNeeds {
  readonly env: ServerEnv;
  readonly places: ServerPlaces;
  readonly database: Database;
  /** For what devices and strangers ask. */
  readonly publicDatabase: Database;
  readonly nats: Nats;
  readonly logger: Logger;
  readonly now: () => number;
}

async function openHttp({ env, places, database, publicDatabase, nats, logger, now }: HttpNeeds) {
  const signer = await openReleaseSigner(places.keys);
  const chunkStore = createChunkStore(places.chunks, chunkSizeBytes);
  const manifests = createChunkStore(join(places.server, "manifests"), maximumManifestBytes);
  const rollouts = createRolloutService({ repository: createRolloutRepository(database), now });
  const registry = createRegistryService({
    repository: createRegistryRepository(database),
    chunkStore,
    manifests,
    signer,
    now,
  });
  const everywhere = env.natsUrl === undefined && isWildcard(env.host);
  const addresses = { publicUrl: env.publicNatsUrl, ownUrl: nats.url, everywhere };
  if (everywhere && env.publicNatsUrl === undefined) {
    logger.info("nats.address.follows", {
      why: "ATTUNE_PUBLIC_NATS_URL is not set: a device is told the host that it polls",
    });
  }
  const deviceServiceOn = (prisma: Database) =>
    createDeviceService({
      repository: createDeviceRepository(prisma),
      credentials: nats.credentials,
      signer,
      targetRelease: createRolloutService({ repository: createRolloutRepository(prisma), now }).targetRelease,
      natsUrls: (host) => brokerUrls(addresses, host),
      pollIntervalMs: env.pollIntervalMs,
      now,
    });
  const { enrol, poll } = deviceServiceOn(publicDatabase);
  const devices = { ...deviceServiceOn(database), enrol, poll };
  // A server that was killed in the middle of a revocation had it in the database only.
  if (!(await devices.reconcileRevocations())) logger.warn("revocations.notPushed");
  return createHttpServer({
    router: createAppRouter({ devices, registry, rollouts, audit: createAuditRepository(database) }),
    isAdmin: await openAdminToken(places.adminTokenFile),
    content: { chunkStore, manifests, sending: createSending({ ...defaultSending, now: () => performance.now() }) },
    connections: connectionLimitsHere(),
    callBudget: createCallBudget({ ...defaultCallBudget, now: () => performance.now() }),
    trustedProxies: env.trustedProxies,
    isHealthy: async () => {
      await Promise.all([database.$queryRaw`SELECT 1`, nats.connection.flush()]);
      return true;
    },
    logger,
  });
}

/** A manifest lists a chunk in about a hundred bytes: room for extractors of gigabytes. */
const maximumManifestBytes = 4 * 1024 * 1024;

async function stopParts(parts: readonly Part[], logger: Logger): Promise<void> {
  for (const part of parts.toReversed()) {
    try {
      await within(part.stop(), part.name);
    } catch (error) {
      logger.error("stop.failed", { part: part.name, ...errorFields(error) });
    }
  }
}

/** A part that hangs must not keep those behind it, PostgreSQL above all, from a clean end. */
async function within(stopping: Promise<void>, name: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError("TIMED_OUT", `${name} did not stop in time`)), stopTimeoutMs);
  });
  try {
    await Promise.race([stopping, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Longer than what the children are given before they are killed. */
const stopTimeoutMs = 25_000;
