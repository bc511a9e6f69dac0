// Copies a running server: the rows of one moment, the content that they name, and the keys. The folder gets its name
// once it is whole and on the disk.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { namingDiskFaults } from "@attune/platform/disk-fault";
import { makeDirectory, renameDurably, writeFileDurably } from "@attune/platform/durable-file";
import { isPresent } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import type pg from "pg";
import { backupLock } from "../catalogue/backup-lock.js";
import { createChunkStore } from "../content/chunk-store.js";
import type { ServerPlaces } from "../platform/home.js";
import { readHistory } from "../platform/postgres/migration-history.js";
import {
  type BackupFile,
  type BackupRecord,
  type BackupSummary,
  contentFolders,
  databaseFolder,
  filesIn,
  recordName,
  secretFiles,
  secretFolders,
  summaryOf,
} from "./backup-record.js";
import { dumpTable, listTables } from "./database-dump.js";

interface BackupOptions {
  readonly places: ServerPlaces;
  /** A connection to the server's database, which is used by nobody else. */
  readonly client: pg.Client;
  readonly directory: string;
  readonly now: () => number;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/**
 * Throws CONFLICT where the folder is there already, and STORE_CORRUPT where content differs from its hash. A killed
 * backup leaves `<directory>.partial`, which the next one replaces.
 */
export async function writeBackup(options: BackupOptions): Promise<BackupSummary> {
  const { client, directory, now } = options;
  if (await isPresent(directory)) throw new AppError("CONFLICT", `${directory} is there already; name a new folder`);
  const partial = `${directory}.partial`;
  await namingDiskFaults(partial, () => rm(partial, { recursive: true, force: true }));
  await makeDirectory(partial, 0o700);
  // Held until the connection ends: meanwhile no content is collected.
  await client.query("SELECT pg_advisory_lock_shared($1)", [backupLock]);
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const createdAt = new Date(now()).toISOString();
  const database = await dumpDatabase(client, partial);
  const copied = await copyFiles(options, partial);
  await client.query("COMMIT");
  const record: BackupRecord = { version: 1, createdAt, ...database, files: [...database.files, ...copied] };
  await writeFileDurably(join(partial, recordName), `${JSON.stringify(record, null, 1)}\n`, { mode: 0o600 });
  await renameDurably(partial, directory);
  return summaryOf(directory, record);
}

async function dumpDatabase(
  client: pg.Client,
  partial: string,
): Promise<Pick<BackupRecord, "migrations" | "tables" | "files">> {
  await makeDirectory(join(partial, databaseFolder), 0o700);
  const dumped = [];
  for (const name of await listTables(client)) {
    const path = `${databaseFolder}/${name}.jsonl`;
    const { table, file } = await dumpTable(client, name, join(partial, path));
    dumped.push({ table, file: { path, ...file } });
  }
  const history = (await readHistory(client)) ?? [];
  return {
    migrations: history.map(({ name }) => name),
    tables: dumped.map(({ table }) => table),
    files: dumped.map(({ file }) => file),
  };
}

/** Content is stored before a row names it, and is not collected meanwhile. So the rows' content is there. */
async function copyFiles({ places, onProgress }: BackupOptions, partial: string): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  async function write(path: string, bytes: Uint8Array): Promise<void> {
    await writeFileDurably(join(partial, path), bytes, { mode: 0o600, directoryMode: 0o700 });
    files.push({ path, sizeBytes: bytes.length, sha256: sha256(bytes) });
  }
  for (const folder of contentFolders) {
    const store = createChunkStore(join(places.server, folder), Number.MAX_SAFE_INTEGER);
    const names: string[] = [];
    for await (const content of store.list()) names.push(content.sha256);
    for (const [index, name] of names.entries()) {
      onProgress(`copying ${folder}`, index, names.length);
      const bytes = await store.read(name);
      if (bytes !== undefined) await write(`${folder}/${name.slice(0, 2)}/${name}`, bytes);
    }
  }
  for (const folder of secretFolders) {
    for (const name of await filesIn(join(places.server, folder))) {
      await write(`${folder}/${name}`, await readFile(join(places.server, folder, name)));
    }
  }
  for (const name of secretFiles) {
    const path = join(places.server, name);
    if (await isPresent(path)) await write(name, await readFile(path));
  }
  onProgress("copying files", files.length, files.length);
  return files;
}
