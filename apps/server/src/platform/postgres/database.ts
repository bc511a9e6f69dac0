// Opens the Prisma client on a PostgreSQL.

import { errorFields, type Logger } from "@attune/platform/logger";
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "../../generated/prisma/client.js";
import { readDatabaseUrl } from "./database-url.js";

export type Database = PrismaClient;

/**
 * The connections of one client. All clients, with those of the start, stay below the limit that
 * PostgreSQL is started with.
 */
const maxConnections = 12;

/** Long enough for a thousand devices that poll at once, and shorter than they wait for an answer. */
const connectionTimeoutMs = 20_000;

/** Opens a client with connections of its own: its callers do not wait for the callers of another client. */
export function openDatabase(connectionString: string, logger: Logger): Database {
  const lost = (error: Error) => logger.warn("database.connection.lost", errorFields(error));
  const { client, schema } = readDatabaseUrl(connectionString);
  const pool = { max: maxConnections, connectionTimeoutMillis: connectionTimeoutMs, ...client };
  const events = { onPoolError: lost, onConnectionError: lost };
  return new PrismaClient({
    adapter: new PrismaPg(pool, schema === undefined ? events : { schema, ...events }),
    // Prisma would print the call with its values.
    errorFormat: "minimal",
    log: [],
  });
}
