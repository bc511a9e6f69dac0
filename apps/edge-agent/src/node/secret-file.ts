// Secrets on disk: created once, readable by their owner only, refused when another user could read them.

import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing, namingDiskFaults } from "@attune/platform/disk-fault";
import { AppError } from "@attune/shared/errors";
import { directoryMode, writeOwnFile } from "./own-file.js";

/** The secret's bytes, or undefined when there is none yet. */
export async function readSecret(path: string): Promise<Uint8Array | undefined> {
  try {
    return await namingDiskFaults(path, async () => {
      const { mode } = await stat(path);
      if ((mode & 0o077) !== 0) await chmod(path, 0o600);
      return readFile(path);
    });
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

export async function writeSecret(path: string, bytes: Uint8Array | string): Promise<void> {
  await namingDiskFaults(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: directoryMode });
    await chmod(dirname(path), directoryMode);
  });
  await writeOwnFile(path, bytes);
}

/** Reads the secret, or makes it with `create` the first time. The caller holds the home's lock. */
export async function readOrCreateSecret(path: string, create: () => Uint8Array): Promise<Uint8Array> {
  const existing = await readSecret(path);
  if (existing !== undefined) {
    if (existing.length > 0) return existing;
    throw new AppError("STORE_CORRUPT", `${path} is empty`);
  }
  const bytes = create();
  await writeSecret(path, bytes);
  return bytes;
}
