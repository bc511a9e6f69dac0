// The device's files, by paths relative to its home. No path leaves the home, and a write is durable before it returns.

import { readSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { isMissing, namingDiskFaults } from "@attune/platform/disk-fault";
import { syncDirectory } from "@attune/platform/durable-file";
import { AppError } from "@attune/shared/errors";
import type { Files, OpenFile } from "../core/ports.js";
import { directoryMode, fileMode, writeOwnFile } from "./own-file.js";

export function createNodeFiles(home: string): Files {
  const root = resolve(home);
  const locate = (path: string): string => {
    const absolute = resolve(root, path);
    if (!absolute.startsWith(root + sep))
      throw new AppError("INTERNAL", `${path} is not inside the device's directory`);
    return absolute;
  };
  return {
    read: (path) => reading(path, locate, readWhole),
    open: (path) => reading(path, locate, openFile),
    writeDurably: (path, bytes) => writeOwnFile(locate(path), bytes),
    append: async (path, bytes) => namingDiskFaults(locate(path), () => append(locate(path), bytes)),
    size: async (path) => {
      try {
        return (await stat(locate(path))).size;
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw cause;
      }
    },
    freeBytes: async () => {
      try {
        const { bavail, bsize } = await statfs(root);
        return bavail * bsize;
      } catch (cause) {
        // No file has been written yet.
        if (isMissing(cause)) return undefined;
        throw cause;
      }
    },
    truncate: async (path, size) => namingDiskFaults(locate(path), () => truncate(locate(path), size)),
    remove: async (path) => {
      const absolute = locate(path);
      await rm(absolute, { recursive: true, force: true });
      await syncDirectory(dirname(absolute)).catch((cause) => {
        if (!isMissing(cause)) throw cause;
      });
    },
    list: async (path) => {
      try {
        return (await readdir(locate(path))).sort();
      } catch (cause) {
        if (isMissing(cause)) return [];
        throw cause;
      }
    },
  };
}

async function reading<T>(
  path: string,
  locate: (path: string) => string,
  action: (absolute: string) => Promise<T>,
): Promise<T> {
  const absolute = locate(path);
  try {
    return await namingDiskFaults(absolute, () => action(absolute));
  } catch (cause) {
    if (isMissing(cause)) throw new AppError("NOT_FOUND", `${path} does not exist`, { cause });
    throw cause;
  }
}

/**
 * Reads in one piece. Node's `readFile` reads pieces of half a megabyte and joins them, so that a model would
 * be in memory twice.
 */
async function readWhole(absolute: string): Promise<Uint8Array> {
  const file = await open(absolute, "r");
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    let at = 0;
    for (let read = -1; read !== 0 && at < bytes.length; at += read) {
      read = (await file.read(bytes, at, bytes.length - at, at)).bytesRead;
    }
    return at === bytes.length ? bytes : bytes.slice(0, at);
  } finally {
    await file.close();
  }
}

/** Reads synchronously: encoders are made in one piece, and a file that was just hashed lies in the page cache. */
async function openFile(absolute: string): Promise<OpenFile> {
  const file = await open(absolute, "r");
  try {
    return { sizeBytes: (await file.stat()).size, read: (...part) => fill(file, ...part), close: () => file.close() };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

function fill({ fd }: FileHandle, offset: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; ) {
    const read = readSync(fd, into, at, into.length - at, offset + at);
    if (read === 0) throw new AppError("STORE_CORRUPT", "a file has become shorter while it was read");
    at += read;
  }
}

async function append(absolute: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(absolute), { recursive: true, mode: directoryMode });
  const file = await open(absolute, "a", fileMode);
  try {
    const isNew = (await file.stat()).size === 0;
    await file.writeFile(bytes);
    await file.sync();
    if (isNew) await syncDirectory(dirname(absolute));
  } finally {
    await file.close();
  }
}

async function truncate(absolute: string, sizeBytes: number): Promise<void> {
  const file = await open(absolute, "r+");
  try {
    await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
