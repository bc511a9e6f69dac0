// Files of one person: all in the agent's home is readable and writable by its owner only, and has one writer, who holds the home's lock.

import { writeFileDurably } from "@attune/platform/durable-file";

export const fileMode = 0o600;
export const directoryMode = 0o700;

/** Durable when it returns; makes missing folders. Throws DISK_FULL or DISK_FAILED naming the file. */
export function writeOwnFile(path: string, content: Uint8Array | string): Promise<void> {
  return writeFileDurably(path, content, { mode: fileMode, directoryMode, soleWriter: true });
}
