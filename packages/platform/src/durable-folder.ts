// Copies a folder so that a power cut leaves the whole copy or none: a temporary folder, fsync of all in it, rename.

import { copyFile, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { namingDiskFaults } from "./disk-fault.js";
import { renameDurably, syncPath, temporaryBeside } from "./durable-file.js";

/** A last change to the copy before it takes its place. */
type Prepare = (copy: string) => Promise<void>;

/**
 * Copies `from` to `path`, links as links. A folder that another process has put there meanwhile stays. Throws
 * DISK_FULL or DISK_FAILED naming `path`.
 */
export async function copyFolderDurably(from: string, path: string, prepare: Prepare): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await namingDiskFaults(path, async () => {
      await copyTree(from, temporary);
      await prepare(temporary);
      await syncTree(temporary);
    });
    await renameDurably(temporary, path);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw cause;
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, copy);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), copy);
    else await copyFile(source, copy);
  }
}

async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) await syncTree(inside);
    else if (entry.isFile()) await syncPath(inside);
  }
  await syncPath(path);
}
