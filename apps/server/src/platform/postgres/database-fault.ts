// Distinguishes a database that is away for a while from a statement that is wrong.

/** Prisma's codes for a server that cannot be reached, ended the session, or answered too late. */
const unavailableCodes = new Set(["P1000", "P1001", "P1002", "P1003", "P1008", "P1017", "P2024", "P2028", "P2037"]);
/** Node's and PostgreSQL's own: refused, reset, shutting down, starting up, crashed. */
const connectionFaults =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|57P0[1-3]|08\d{3}|Connection terminated|connection timeout|timeout exceeded when trying to connect|terminating connection|the database system is/i;

/** Whether a later attempt can succeed: PostgreSQL is being restarted or cannot be reached. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let fault = error, depth = 0; fault instanceof Error && depth < 5; fault = fault.cause, depth++) {
    const { code } = fault as { code?: unknown };
    if (typeof code === "string" && (unavailableCodes.has(code) || connectionFaults.test(code))) return true;
    if (connectionFaults.test(fault.message)) return true;
  }
  return false;
}
