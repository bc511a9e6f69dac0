// Writes files that are either old or new after a power cut: temporary file, fsync, rename, fsync of the directory.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { chmod, copyFile, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { diskFault, isMissing, namingDiskFaults, namingDiskFaultsSync } from "./disk-fault.js";
import { isPresent } from "./presence.js";

interface DurableOptions {
  /** The exact mode, whatever the umask: 0600 for every secret. */
  readonly mode?: number;
  /** The mode of missing folders, which are made; without it no folder may be missing. */
  readonly directoryMode?: number;
  /** No other process writes this file meanwhile. A killed write leaves `<path>.tmp`, which the next write replaces. */
  readonly soleWriter?: boolean;
}

/**
 * Replaces or creates `path`. Throws DISK_FULL or DISK_FAILED naming it; the old file, or already the new one,
 * is in place then.
 */
export async function writeFileDurably(
  path: string,
  content: string | Uint8Array,
  { mode = 0o644, directoryMode, soleWriter = false }: DurableOptions = {},
): Promise<void> {
  const temporary = soleWriter ? `${path}.tmp` : temporaryBeside(path);
  await namingDiskFaults(path, async () => {
    if (directoryMode !== undefined) await makeTree(dirname(path), directoryMode);
    try {
      const file = await open(temporary, soleWriter ? "w" : "wx", mode);
      try {
        await file.chmod(mode);
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      // A fault of this removal would hide the first fault.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw cause;
    }
    await syncDirectory(dirname(path));
  });
}

/**
 * The synchronous form, for threads, which compute without waiting. Makes the directory. Several threads may write one
 * file at a time.
 */
export function writeFileDurablySync(path: string, bytes: Uint8Array): void {
  const temporary = temporaryBeside(path);
  namingDiskFaultsSync(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    try {
      const file = openSync(temporary, "wx");
      try {
        for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    } catch (cause) {
      removeQuietly(temporary);
      throw cause;
    }
    syncDirectorySync(dirname(path));
  });
}

/** Renames a file or folder whose content is on the disk already; the synchronous form, for threads. */
export function renameDurablySync(from: string, to: string): void {
  namingDiskFaultsSync(from, () => {
    renameSync(from, to);
    syncDirectorySync(dirname(to));
  });
}

function syncDirectorySync(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Renames `path` to `<path>.<word>-N`, N being the first free number, and answers the new name. */
export async function moveAside(path: string, word: string): Promise<string> {
  let number = 1;
  while (await isPresent(`${path}.${word}-${number}`)) number++;
  const target = `${path}.${word}-${number}`;
  await renameDurably(path, target);
  return target;
}

/** Renames a file or folder whose content is on the disk already. */
export function renameDurably(from: string, to: string): Promise<void> {
  return namingDiskFaults(from, async () => {
    await rename(from, to);
    await syncDirectory(dirname(to));
  });
}

/** A new name in the same folder, from which a rename puts a finished file in its place. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The fault that led here is the one to report.
  }
}

/** Makes the names in a directory durable: a rename is on disk only after this. */
export function syncDirectory(path: string): Promise<void> {
  return syncPath(path);
}

/** Makes a file's content durable, or the names in a directory. */
export async function syncPath(path: string): Promise<void> {
  const opened = await open(path, "r");
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/** Creates `path` with its parents; an existing directory gets `mode` as well. */
export async function makeDirectory(path: string, mode = 0o755): Promise<void> {
  await makeTree(path, mode);
  await namingDiskFaults(path, () => chmod(path, mode));
}

/** Works as `mkdir -p`. Node's own never returns where nothing can be made in an existing folder, as in /proc. */
export async function makeTree(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (await isDirectory(path)) return;
    if (code !== "ENOENT" || (await isDirectory(dirname(path)))) throw diskFault(path, error) ?? error;
    await makeTree(dirname(path), mode);
    await makeTree(path, mode);
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    (cause) => {
      const fault = diskFault(path, cause);
      if (fault !== undefined) throw fault;
      return false;
    },
  );
}

/** Replaces or creates `path` by a copy of `from`, whole or not at all. */
export async function copyFileDurably(
  from: string,
  path: string,
  check: (copy: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await namingDiskFaults(path, async () => {
      await copyFile(from, temporary);
      const file = await open(temporary, "r+");
      await file.sync().finally(() => file.close());
    });
    await check(temporary);
    await renameDurably(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cause;
  }
}

/** The file's bytes, or undefined where there is none. Throws DISK_FAILED naming it. */
export function readFileIfAnySync(path: string): Uint8Array | undefined {
  try {
    return namingDiskFaultsSync(path, () => readFileSync(path));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

/** The file's text, or undefined where there is none. Throws DISK_FAILED naming it. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await namingDiskFaults(path, () => readFile(path, "utf8"));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}
