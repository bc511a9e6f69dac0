// Puts the home of release 0.1.0 (see make.js beside this file) where a server finds it.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ServerPlaces } from "@attune/server/platform/home";
import { openDatabase } from "@attune/server/platform/postgres/database";
import { startEmbeddedPostgres } from "@attune/server/platform/postgres/postgres";
import { choosePort, testLogger } from "../../integration/temporary-home.js";

export interface EarlierDevice {
  readonly seed: string;
  readonly epoch: string;
  readonly fleet: string;
  readonly device: string;
  readonly userJwt: string;
}

export interface EarlierHome {
  readonly release: { readonly sequence: number; readonly manifestSha256: string };
  readonly unusedToken: string;
  readonly devices: { readonly [name in "alice" | "bob" | "carol"]: EarlierDevice };
  readonly tables: { readonly [table: string]: readonly Readonly<Record<string, unknown>>[] };
  readonly files: { readonly [path: string]: { readonly mode: number; readonly base64: string } };
}

export async function readEarlierHome(): Promise<EarlierHome> {
  const packed = await readFile(new URL("home.json.gz", import.meta.url));
  return JSON.parse(gunzipSync(packed).toString("utf8")) as EarlierHome;
}

/** Restores every file outside of the database. */
export async function restoreFiles({ files }: EarlierHome, places: ServerPlaces): Promise<void> {
  for (const [path, { mode, base64 }] of Object.entries(files)) {
    const target = join(places.server, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, Buffer.from(base64, "base64"), { mode });
  }
}

/** Restores the database. Called after the files, which include the database's password. */
export async function restoreDatabase({ tables }: EarlierHome, places: ServerPlaces): Promise<void> {
  const migrations = new URL("../../../prisma/migrations/", import.meta.url);
  const schema = await readFile(new URL("20260101000000_initial/migration.sql", migrations), "utf8");
  const choose = choosePort(places, "ATTUNE_POSTGRES_PORT");
  const postgres = await startEmbeddedPostgres({ places, choosePort: choose, logger: testLogger });
  const database = openDatabase(postgres.connectionString, testLogger);
  try {
    await database.$transaction(async (tx) => {
      for (const statement of [...schema.split(/;\s*\n/), migrationsTable]) {
        if (statement.trim() !== "") await tx.$executeRawUnsafe(statement);
      }
      // Rows refer to rows of other tables. This setting removes the need for an order within the transaction.
      await tx.$executeRawUnsafe("SET LOCAL session_replication_role = replica");
      for (const [table, rows] of Object.entries(tables)) {
        const insertion = `INSERT INTO "${table}" SELECT * FROM json_populate_recordset(NULL::"${table}", $1::json)`;
        await tx.$executeRawUnsafe(insertion, JSON.stringify(rows));
      }
    });
  } finally {
    await database.$disconnect();
    await postgres.stop();
  }
}

/** As `prisma migrate deploy` makes it. */
const migrationsTable = `CREATE TABLE "_prisma_migrations" (
  id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
  logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0)`;
