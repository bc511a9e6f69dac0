// The database's rows as lines of JSON, a file for each table, and back. PostgreSQL itself writes and reads each row,
// so no value passes through another number or date format.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { namingDiskFaults } from "@attune/platform/disk-fault";
import { AppError } from "@attune/shared/errors";
import type pg from "pg";
import type { BackupFile, BackupTable } from "./backup-record.js";

const rowsAtATime = 500;

/** The tables of the server, but for the history of migrations. */
export async function listTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables
     WHERE schemaname = current_schema() AND tablename NOT IN ('_prisma_migrations', 'spatial_ref_sys') ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

interface DumpedTable {
  readonly table: BackupTable;
  readonly file: Omit<BackupFile, "path">;
}

/** Writes the rows of a table that the client's transaction sees. */
export async function dumpTable(client: pg.Client, name: string, path: string): Promise<DumpedTable> {
  const hash = createHash("sha256");
  let [rows, sizeBytes] = [0, 0];
  const file = await namingDiskFaults(path, () => open(path, "wx", 0o600));
  try {
    await client.query(
      `DECLARE dumped NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS line FROM ${client.escapeIdentifier(name)} t`,
    );
    for (;;) {
      const found = await client.query<{ line: string }>(`FETCH ${rowsAtATime} FROM dumped`);
      if (found.rows.length === 0) break;
      const lines = Buffer.from(found.rows.map(({ line }) => `${line}\n`).join(""));
      await namingDiskFaults(path, () => file.writeFile(lines));
      hash.update(lines);
      sizeBytes += lines.length;
      rows += found.rows.length;
    }
    await client.query("CLOSE dumped");
    await namingDiskFaults(path, () => file.sync());
  } finally {
    await file.close();
  }
  return { table: { name, rows }, file: { sizeBytes, sha256: hash.digest("hex") } };
}

/**
 * Fills the tables within the client's transaction. Each key to another table is taken away and made again, which
 * checks it: rows may come in any order.
 */
export async function loadTables(client: pg.Client, tables: readonly BackupTable[], folder: string): Promise<void> {
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass::text AS "table", quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace`,
  );
  for (const { table, name } of keys) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  for (const { name, rows } of tables) {
    const loaded = await loadTable(client, name, join(folder, `${name}.jsonl`));
    if (loaded !== rows) throw new AppError("STORE_CORRUPT", `table ${name}: ${loaded} rows in place of ${rows}`);
    await restoreCounters(client, name);
  }
  for (const { table, name, definition } of keys) {
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  }
}

async function loadTable(client: pg.Client, name: string, path: string): Promise<number> {
  const table = client.escapeIdentifier(name);
  // Columns that PostgreSQL computes take no value.
  const { rows: columns } = await client.query<{ name: string }>(
    `SELECT quote_ident(attname) AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  const names = columns.map((column) => column.name).join(", ");
  const insert = `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE
    SELECT ${names} FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`;
  let [count, lines]: [number, string[]] = [0, []];
  async function flush(): Promise<void> {
    if (lines.length > 0) await client.query(insert, [`[${lines.join(",")}]`]);
    count += lines.length;
    lines = [];
  }
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (lines.push(line) >= rowsAtATime) await flush();
  }
  await flush();
  return count;
}

/** The next number of a counting column follows its largest. */
async function restoreCounters(client: pg.Client, name: string): Promise<void> {
  const table = client.escapeIdentifier(name);
  const { rows } = await client.query<{ column: string; sequence: string }>(
    `SELECT quote_ident(attname) AS column, pg_get_serial_sequence($1, attname) AS sequence FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND pg_get_serial_sequence($1, attname) IS NOT NULL`,
    [table],
  );
  for (const { column, sequence } of rows) {
    await client.query(`SELECT setval($1, max(${column})) FROM ${table} HAVING max(${column}) IS NOT NULL`, [sequence]);
  }
}
