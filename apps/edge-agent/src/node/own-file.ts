// Files of one person. Only the owner can read and write the files of the agent's home, and only the holder of the
// home's lock writes them.

import { writeFileDurably } from "@attune/platform/durable-file";

export const fileMode = 0o600;
export const directoryMode = 0o700;

/** Durable when it returns; makes missing folders. Throws DISK_FULL or DISK_FAILED naming the file. */
export function writeOwnFile(path: string, content: Uint8Array | string): Promise<void> {
  return writeFileDurably(path, content, { mode: fileMode, directoryMode, soleWriter: true });
}
