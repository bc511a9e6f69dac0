// Puts a backup into an empty home. A mark stays in the home until all is in place, and no server starts on a home with
// the mark. A restore that was killed is repeated.

import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory, writeFileDurably } from "@attune/platform/durable-file";
import { acquireHomeLock } from "@attune/platform/home-lock";
import type { Logger } from "@attune/platform/logger";
import { isPresent } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import type pg from "pg";
import { makePlaces, type ServerPlaces } from "../platform/home.js";
import { migrate } from "../platform/postgres/migrate.js";
import { type Postgres, withClient } from "../platform/postgres/postgres.js";
import { type BackupRecord, type BackupSummary, databaseFolder, readBackup, summaryOf } from "./backup-record.js";
import { listTables, loadTables } from "./database-dump.js";

interface RestoreOptions {
  readonly places: ServerPlaces;
  readonly directory: string;
  readonly openPostgres: () => Promise<Postgres>;
  readonly logger: Logger;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/**
 * Throws INVALID_CONFIGURATION for a home or database that is not empty. Throws STORE_CORRUPT for a damaged backup,
 * and CONFLICT for a backup of a newer server.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupSummary> {
  const { places, directory, onProgress } = options;
  const record = await readBackup(directory, { onProgress: (done, total) => onProgress("checking", done, total) });
  await assertEmptyHome(places);
  await makePlaces(places);
  const lock = await acquireHomeLock(places.lockFile);
  try {
    await writeFileDurably(places.restoringFile, `${directory}\n`);
    await copyIn(options, record);
    const postgres = await options.openPostgres();
    try {
      await loadDatabase(options, record, postgres);
    } finally {
      await postgres.stop();
    }
    await rm(places.restoringFile);
  } finally {
    await lock.release();
  }
  return summaryOf(directory, record);
}

async function assertEmptyHome({ home, server, restoringFile }: ServerPlaces): Promise<void> {
  const found = await readdir(server).catch(() => []);
  if (found.length === 0 || (await isPresent(restoringFile))) return;
  throw new AppError("INVALID_CONFIGURATION", `${home} holds a server already; name an empty directory with --home`);
}

async function copyIn({ places, directory, onProgress }: RestoreOptions, { files }: BackupRecord): Promise<void> {
  const copied = files.filter(({ path }) => !path.startsWith(`${databaseFolder}/`));
  for (const [index, { path }] of copied.entries()) {
    onProgress("copying", index, copied.length);
    const target = join(places.server, path);
    // The folders of content are open to readers, as a server makes them; the keys' folder is there already.
    await makeDirectory(dirname(target), path.startsWith("keys/") ? 0o700 : dirname(path) === "." ? 0o711 : 0o755);
    const isContent = path.startsWith("chunks/") || path.startsWith("manifests/");
    await writeFileDurably(target, await readFile(join(directory, path)), { mode: isContent ? 0o644 : 0o600 });
  }
}

async function loadDatabase(
  { directory, logger }: RestoreOptions,
  { migrations, tables }: BackupRecord,
  postgres: Postgres,
): Promise<void> {
  const { connectionString } = postgres;
  // The embedded database is this home's own. A restore that was killed may have filled it.
  const isOwn = postgres.pid() !== undefined;
  if (!isOwn) await withClient(connectionString, assertEmptyDatabase);
  await migrate({ connectionString, logger, only: migrations });
  await withClient(connectionString, async (client) => {
    await client.query("BEGIN");
    const present = (await listTables(client)).map((name) => client.escapeIdentifier(name));
    await client.query(`TRUNCATE ${present.join(", ")}`);
    await loadTables(client, tables, join(directory, databaseFolder));
    await client.query("COMMIT");
  });
}

async function assertEmptyDatabase(client: pg.Client): Promise<void> {
  const [found] = await listTables(client);
  if (found === undefined) return;
  throw new AppError("INVALID_CONFIGURATION", `DATABASE_URL holds the table ${found} already; name an empty database`);
}
