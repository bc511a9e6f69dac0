// Distinguishes a value that the database will never take from a database that cannot be reached just now.

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint): the same statement would fail again. */
const valueFault = /^2[23][0-9A-Z]{3}$/;
/** Prisma's own codes for these faults: constraint failed, foreign key failed, value out of range or too long. */
const prismaValueFaults: ReadonlySet<unknown> = new Set(["P2000", "P2002", "P2003", "P2004", "P2020"]);

export function databaseRefusesValue(error: unknown): boolean {
  return codesOf(error).some(
    (code) => prismaValueFaults.has(code) || (typeof code === "string" && valueFault.test(code)),
  );
}

/**
 * The codes of an error and of the errors that it wraps. The driver adapter puts PostgreSQL's own code under `meta`.
 */
function codesOf(error: unknown, depth = 0): unknown[] {
  if (typeof error !== "object" || error === null || depth > 5) return [];
  const { code, originalCode, cause, meta, driverAdapterError } = error as Record<string, unknown>;
  return [code, originalCode, ...[cause, meta, driverAdapterError].flatMap((inner) => codesOf(inner, depth + 1))];
}
