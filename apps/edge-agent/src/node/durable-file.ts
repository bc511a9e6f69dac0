// Writes that survive a power cut: temporary file, fsync, rename, fsync of the directory. Knows what a full disk looks like.

import { existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "@attune/shared/errors";

/** The part of node:fs/promises that a durable write needs; a test puts a full disk in its place. */
export interface DurableFs {
  readonly mkdir: typeof mkdir;
  readonly open: typeof open;
  readonly rename: typeof rename;
  readonly rm: typeof rm;
}

const nodeFs: DurableFs = { mkdir, open, rename, rm };

/** Readable and writable by the owner only: everything in the agent's home belongs to one person. */
export const fileMode = 0o600;
export const directoryMode = 0o700;

export async function writeFileDurably(
  path: string,
  bytes: Uint8Array | string,
  fs: DurableFs = nodeFs,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await mapDiskFull("write", async () => {
    await fs.mkdir(dirname(path), { recursive: true, mode: directoryMode });
    try {
      const file = await fs.open(temporary, "w", fileMode);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await fs.rename(temporary, path);
    } catch (cause) {
      await fs.rm(temporary, { force: true });
      throw cause;
    }
    await syncDirectory(dirname(path), fs);
  });
}

/** Makes the names in a directory durable: a rename is on disk only after this. */
export async function syncDirectory(path: string, fs: DurableFs = nodeFs): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Renames `path` to `<path>.<word>-N`, N being the first free number, and says to what. */
export async function moveAside(path: string, word: string): Promise<string> {
  let number = 1;
  while (existsSync(`${path}.${word}-${number}`)) number++;
  const target = `${path}.${word}-${number}`;
  await rename(path, target);
  await syncDirectory(dirname(path));
  return target;
}

/** Runs `action`; a full disk or an exhausted quota becomes DISK_FULL. */
export async function mapDiskFull<T>(step: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (isDiskFull(cause)) throw new AppError("DISK_FULL", `no space left on the disk (${step})`, { cause });
    throw cause;
  }
}

export function isDiskFull(cause: unknown): boolean {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  if (code === "ENOSPC" || code === "EDQUOT") return true;
  // LevelDB reports the operating system's words, not its number.
  return typeof message === "string" && /no space left on device|disk quota exceeded/i.test(message);
}

export function isMissing(cause: unknown): boolean {
  return (cause as { code?: unknown }).code === "ENOENT";
}
