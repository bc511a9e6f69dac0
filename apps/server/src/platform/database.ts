// Opens the Prisma client on a PostgreSQL.

import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "../generated/prisma/client.js";
import { readDatabaseUrl } from "./database-url.js";
import { errorFields, type Logger } from "./logger.js";

export type Database = PrismaClient;

const maximumConnections = 12;

export function openDatabase(connectionString: string, logger: Logger): Database {
  const lost = (error: Error) => logger.warn("database.connection.lost", errorFields(error));
  const { client, schema } = readDatabaseUrl(connectionString);
  const pool = { max: maximumConnections, connectionTimeoutMillis: 5_000, ...client };
  const events = { onPoolError: lost, onConnectionError: lost };
  return new PrismaClient({
    adapter: new PrismaPg(pool, schema === undefined ? events : { schema, ...events }),
    // Prisma would print the call with its values.
    errorFormat: "minimal",
    log: [],
  });
}
