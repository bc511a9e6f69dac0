// The two programs that the server needs, PostgreSQL and NATS: its own children, or those that its environment names.

import { join } from "node:path";
import type { Logger } from "@attune/platform/logger";
import { brokerUrls } from "./devices/broker-address.js";
import type { ServerEnv } from "./env.js";
import type { ServerPlaces } from "./platform/home.js";
import { isWildcard, type Nats, startNats } from "./platform/nats/nats.js";
import { findNatsServer } from "./platform/nats/nats-program.js";
import { natsSources } from "./platform/nats/nats-sources.js";
import type { PortRequest, Ports } from "./platform/ports.js";
import {
  assertReachable,
  type Postgres,
  startEmbeddedPostgres,
  useExternalPostgres,
} from "./platform/postgres/postgres.js";

interface BackendNeeds {
  readonly env: ServerEnv;
  readonly places: ServerPlaces;
  readonly ports: Ports;
  readonly logger: Logger;
}

interface NatsNeeds extends BackendNeeds {
  readonly now: () => number;
  readonly pingIntervalMs: number | undefined;
}

export async function openNats({ env, places, ports, logger, now, pingIntervalMs }: NatsNeeds): Promise<Nats> {
  return startNats({
    places,
    logger,
    now,
    externalUrl: env.natsUrl,
    listenHost: env.host,
    externalWebsocketUrl: env.natsWebsocketUrl,
    choosePort: () => ports.choose(portRequest(env, "ATTUNE_NATS_PORT")),
    chooseWebsocketPort: () => ports.choose(portRequest(env, "ATTUNE_NATS_WEBSOCKET_PORT")),
    findProgram: () => findNatsProgram(env, places, logger),
    pingIntervalMs,
  });
}

interface AddressNeeds {
  readonly env: ServerEnv;
  readonly nats: Nats;
  readonly logger: Logger;
}

/** The broker's addresses for a device that has reached this server as `host`. */
export function natsUrlsFor({ env, nats, logger }: AddressNeeds): (host: string | undefined) => readonly string[] {
  const listensOnAllAddresses = env.natsUrl === undefined && isWildcard(env.host);
  if (listensOnAllAddresses && env.publicNatsUrl === undefined) {
    logger.info("nats.address.follows", {
      why: "ATTUNE_PUBLIC_NATS_URL is not set: a device is told the host that it polls",
    });
  }
  const addresses = { publicUrl: env.publicNatsUrl, ownUrl: nats.url, listensOnAllAddresses };
  return (host) => brokerUrls(addresses, host);
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

export async function openPostgres({ env, places, ports, logger }: BackendNeeds): Promise<Postgres> {
  if (env.databaseUrl !== undefined) {
    await assertReachable(env.databaseUrl);
    return useExternalPostgres(env.databaseUrl);
  }
  const choosePort = () => ports.choose(portRequest(env, "ATTUNE_POSTGRES_PORT"));
  return startEmbeddedPostgres({ places, choosePort, logger });
}

export function portRequest(env: ServerEnv, variable: PortRequest["variable"]): PortRequest {
  switch (variable) {
    case "ATTUNE_HTTP_PORT":
      return { variable, configured: env.httpPort, host: env.host, known: true };
    case "ATTUNE_NATS_PORT":
      return { variable, configured: env.natsPort, host: env.host, known: true };
    case "ATTUNE_NATS_WEBSOCKET_PORT":
      return { variable, configured: env.natsWebsocketPort, host: "127.0.0.1", known: false };
    case "ATTUNE_POSTGRES_PORT":
      return { variable, configured: env.postgresPort, host: "127.0.0.1", known: false };
  }
}
