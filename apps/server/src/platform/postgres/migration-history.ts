// Prisma's table of applied migrations, kept as `prisma migrate deploy` keeps it: the two may take
// turns on one database.

import { randomUUID } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import type pg from "pg";

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export interface RecordedMigration {
  readonly name: string;
  readonly checksum: string;
  /** A migration that has begun, and was neither ended nor given up, waits for a person. */
  readonly state: "applied" | "unfinished";
}

export const checksumOf = ({ sql }: Migration): string => sha256(sql);

/**
 * Waits for other servers and for Prisma's own command, which takes the same lock. The end of the
 * connection frees the lock.
 */
export async function lockMigrations(client: pg.Client): Promise<void> {
  await client.query("SELECT pg_advisory_lock(72707369)");
}

/** The history in the first schema of the search path that has the table, or in `table`; undefined without a table. */
export async function readHistory(
  client: pg.Client,
  table = "_prisma_migrations",
): Promise<RecordedMigration[] | undefined> {
  const { rows: found } = await client.query("SELECT to_regclass($1) IS NOT NULL AS exists", [table]);
  if ((found[0] as { exists: boolean } | undefined)?.exists !== true) return undefined;
  const { rows } = await client.query<RecordedMigration>(
    `SELECT migration_name AS name, checksum, CASE WHEN finished_at IS NULL THEN 'unfinished' ELSE 'applied' END AS state
     FROM ${table} WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return rows;
}

/** Creates the table column by column as Prisma does. */
export async function createHistory(client: pg.Client): Promise<void> {
  await client.query(`CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
  )`);
}

/**
 * Applies a migration and records it, both or neither, so that a start which is killed in between can be repeated. A
 * refused script leaves a row with PostgreSQL's words and without an end, as Prisma's command does.
 */
export async function applyMigration(client: pg.Client, migration: Migration): Promise<void> {
  const row = { id: randomUUID(), startedAt: new Date() };
  await client.query("BEGIN");
  try {
    await insertRow(client, migration, row);
    // The whole script is one simple query, because it holds many statements.
    await client.query(migration.sql);
    await client.query("UPDATE _prisma_migrations SET applied_steps_count = 1, finished_at = $2 WHERE id = $1", [
      row.id,
      new Date(),
    ]);
    await client.query("COMMIT");
  } catch (error) {
    // A connection that ended has undone the migration already, and leaves no row.
    await recordRefusal(client, migration, { ...row, logs: describe(migration, error) }).catch(() => undefined);
    throw error;
  }
}

async function recordRefusal(client: pg.Client, migration: Migration, row: Row & { logs: string }): Promise<void> {
  await client.query("ROLLBACK");
  await insertRow(client, migration, row);
  await client.query("UPDATE _prisma_migrations SET logs = $2 WHERE id = $1", [row.id, row.logs]);
}

interface Row {
  readonly id: string;
  readonly startedAt: Date;
}

async function insertRow(client: pg.Client, migration: Migration, { id, startedAt }: Row): Promise<void> {
  await client.query(
    "INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name) VALUES ($1, $2, $3, $4)",
    [id, checksumOf(migration), startedAt, migration.name],
  );
}

function describe({ name }: Migration, error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return `Migration name: ${name}\n\nDatabase error code: ${code ?? "none"}\n\nDatabase error:\nERROR: ${message}\n`;
}
