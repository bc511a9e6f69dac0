// Opens the Prisma client on a PostgreSQL.

import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "../generated/prisma/client.js";
import { errorFields, type Logger } from "./logger.js";

export type Database = PrismaClient;

const maximumConnections = 12;

export function openDatabase(connectionString: string, logger: Logger): Database {
  const lost = (error: Error) => logger.warn("database.connection.lost", errorFields(error));
  const pool = { connectionString, max: maximumConnections, connectionTimeoutMillis: 5_000 };
  return new PrismaClient({
    adapter: new PrismaPg(pool, { onPoolError: lost, onConnectionError: lost }),
    // Prisma would print the call with its values.
    errorFormat: "minimal",
    log: [],
  });
}
