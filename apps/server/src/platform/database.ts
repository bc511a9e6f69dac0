// Opens the Prisma client on a PostgreSQL, and tells a database that is away from a query that is wrong.

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

/** Prisma's codes for a server that cannot be reached, ended the session, or answered too late. */
const unavailableCodes = new Set(["P1000", "P1001", "P1002", "P1003", "P1008", "P1017", "P2024", "P2028", "P2037"]);
/** Node's and PostgreSQL's own: refused, reset, shutting down, starting up, crashed. */
const connectionFaults =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|57P0[1-3]|08\d{3}|Connection terminated|connection timeout|terminating connection|the database system is/i;

/** Whether asking again later can help: PostgreSQL is being restarted or cannot be reached. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let fault = error, depth = 0; fault instanceof Error && depth < 5; fault = fault.cause, depth++) {
    const { code } = fault as { code?: unknown };
    if (typeof code === "string" && (unavailableCodes.has(code) || connectionFaults.test(code))) return true;
    if (connectionFaults.test(fault.message)) return true;
  }
  return false;
}
