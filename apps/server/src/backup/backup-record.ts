// The record of a backup: its files by hash, and the database's tables and migrations. It is written last, so that a
// folder without it is no backup.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { readTextFile } from "@attune/platform/durable-file";
import { sha256Schema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

export const recordName = "backup.json";
export const databaseFolder = "database";
export const contentFolders = ["chunks", "manifests"] as const;
/** Signing keys, seeds and passwords, and the admin token. */
export const secretFolders = ["keys"] as const;
export const secretFiles = ["admin-token", "ports.json"] as const;

const pathSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/)
  .refine((path) => !path.split("/").includes(".."));

const fileSchema = z.strictObject({ path: pathSchema, sizeBytes: z.int().min(0), sha256: sha256Schema });
export type BackupFile = z.infer<typeof fileSchema>;

const tableSchema = z.strictObject({ name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), rows: z.int().min(0) });
export type BackupTable = z.infer<typeof tableSchema>;

const recordSchema = z.strictObject({
  version: z.literal(1),
  createdAt: z.iso.datetime(),
  /** The migrations that the tables have, in their order. */
  migrations: z.array(z.string()),
  tables: z.array(tableSchema),
  files: z.array(fileSchema),
});
export type BackupRecord = z.infer<typeof recordSchema>;

/** The answer of both commands with `--json`. */
export const backupSummarySchema = z.strictObject({
  directory: z.string(),
  createdAt: z.iso.datetime(),
  files: z.int().min(0),
  bytes: z.int().min(0),
  rows: z.int().min(0),
});
export type BackupSummary = z.infer<typeof backupSummarySchema>;

export function summaryOf(directory: string, { createdAt, files, tables }: BackupRecord): BackupSummary {
  return {
    directory,
    createdAt,
    files: files.length,
    bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
  };
}

interface VerifyOptions {
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Checks every byte of a backup. Throws NOT_FOUND where there is no backup, and STORE_CORRUPT naming a file. */
export async function readBackup(directory: string, { onProgress }: VerifyOptions): Promise<BackupRecord> {
  const path = join(directory, recordName);
  const text = await readTextFile(path);
  if (text === undefined) {
    throw new AppError("NOT_FOUND", `there is no ${path}; name the folder that attune backup wrote`);
  }
  const record = parseRecord(text, path);
  const listed = new Set(record.files.map((file) => file.path));
  const other = (await filesIn(directory)).find((file) => file !== recordName && !listed.has(file));
  if (other !== undefined) throw new AppError("STORE_CORRUPT", `${join(directory, other)} is no file of the backup`);
  const { bytes: totalBytes } = summaryOf(directory, record);
  let doneBytes = 0;
  for (const file of record.files) {
    onProgress(doneBytes, totalBytes);
    await verifyFile(join(directory, file.path), file);
    doneBytes += file.sizeBytes;
  }
  onProgress(totalBytes, totalBytes);
  return record;
}

function parseRecord(text: string, path: string): BackupRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", `${path} is not the record of a backup that this program reads`, { cause });
  }
}

async function verifyFile(path: string, { sizeBytes, sha256 }: BackupFile): Promise<void> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const part of createReadStream(path)) {
      hash.update(part as Buffer);
      size += (part as Buffer).length;
    }
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  if (size !== sizeBytes || hash.digest("hex") !== sha256) {
    throw new AppError("STORE_CORRUPT", `${path} differs from the backup's record; use another backup`);
  }
}

/** The files below a directory, as paths with slashes. */
export async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}
