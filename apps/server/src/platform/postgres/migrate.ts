// Brings the database to the schema that this server was built for, by the scripts in prisma/migrations.
// `npx prisma migrate deploy` does the same, and the two share one table of applied migrations.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorFields, type Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import pg from "pg";
import { readDatabaseUrl } from "./database-url.js";
import {
  applyMigration,
  checksumOf,
  createHistory,
  lockMigrations,
  type Migration,
  type RecordedMigration,
  readHistory,
} from "./migration-history.js";

/** The repository's own migrations, seen from src and from dist alike. */
export const prismaDirectory = fileURLToPath(new URL("../../../../../prisma", import.meta.url));

interface MigrateOptions {
  readonly connectionString: string;
  readonly directory?: string;
  /** The names of the migrations to apply; without them all. */
  readonly only?: readonly string[];
  readonly logger: Logger;
}

/**
 * Applies the missing migrations and returns their names. Throws CONFLICT where the database and this server's
 * migrations differ, and DATABASE_UNAVAILABLE where PostgreSQL is away or refuses a script.
 */
export async function migrate({
  connectionString,
  directory = prismaDirectory,
  only,
  logger,
}: MigrateOptions): Promise<string[]> {
  const known = await readMigrations(join(directory, "migrations"));
  const migrations = only === undefined ? known : only.map((name) => find(known, name));
  const database = readDatabaseUrl(connectionString);
  const client = new pg.Client(database.client);
  client.on("error", () => undefined);
  try {
    await client.connect();
    await lockMigrations(client);
    if (database.schema !== undefined) await createSchemaOnce(client, database.schema, migrations);
    const applied = await applyMissing(client, migrations);
    if (applied.length > 0) logger.info("database.migrated", { applied: applied.join(", ") });
    return applied;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError(
      "DATABASE_UNAVAILABLE",
      `the server cannot migrate the database: ${errorFields(cause).message}`,
      { cause },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

function find(known: readonly Migration[], wanted: string): Migration {
  const found = known.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new AppError("CONFLICT", `migration ${wanted} is of a newer server than this; use that server's program`);
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => ({ name, sql: await readFile(join(directory, name, "migration.sql"), "utf8") })),
  );
}

/** A user who may not create schemas can use an existing schema. */
async function createSchemaOnce(client: pg.Client, schema: string, migrations: readonly Migration[]): Promise<void> {
  const found = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  if (found.rowCount !== 0) return;
  const ours = new Set(migrations.map(({ name }) => name));
  const inPublic = (await readHistory(client, "public._prisma_migrations")) ?? [];
  if (inPublic.some(({ name, state }) => state === "applied" && ours.has(name))) {
    throw new AppError(
      "INVALID_CONFIGURATION",
      `DATABASE_URL: there is no schema ${schema}, and the schema public holds an attune server's tables, as earlier versions ` +
        `placed them; remove schema= to use those tables, or create the schema ${schema} to start empty`,
    );
  }
  await client.query(`CREATE SCHEMA ${client.escapeIdentifier(schema)}`);
}

async function applyMissing(client: pg.Client, migrations: readonly Migration[]): Promise<string[]> {
  const recorded = await readHistory(client);
  if (recorded === undefined) await assertEmpty(client);
  else assertFits(migrations, recorded);
  const known = new Set(recorded?.map(({ name }) => name));
  const missing = migrations.filter(({ name }) => !known.has(name));
  if (recorded === undefined) await createHistory(client);
  for (const migration of missing) await applyMigration(client, migration);
  return missing.map(({ name }) => name);
}

/** Refuses a schema that holds tables of another program; the tables that PostGIS brings do not count. */
async function assertEmpty(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: string; tables: number }>(
    `SELECT schemaname AS schema, count(*)::int AS tables FROM pg_tables
     WHERE schemaname = current_schema() AND tablename <> 'spatial_ref_sys' GROUP BY 1`,
  );
  const [found] = rows;
  if (found === undefined) return;
  throw new AppError(
    "INVALID_CONFIGURATION",
    `DATABASE_URL: the schema ${found.schema} holds ${found.tables} tables of another program; name an empty database, or a schema of its own with schema=`,
  );
}

function assertFits(migrations: readonly Migration[], recorded: readonly RecordedMigration[]): void {
  const ours = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum, state } of recorded) {
    if (state === "unfinished") {
      throw new AppError(
        "CONFLICT",
        `migration ${name} began in this database and did not end; the column logs of _prisma_migrations says why. Mend the cause, ` +
          `run \`npx prisma migrate resolve --rolled-back ${name}\`, and start the server again`,
      );
    }
    const migration = ours.get(name);
    if (migration === undefined) {
      throw new AppError("CONFLICT", `the database has migration ${name}, which this server does not know`);
    }
    if (checksumOf(migration) !== checksum) {
      throw new AppError("CONFLICT", `migration ${name} was edited after this database had applied it`);
    }
  }
}
