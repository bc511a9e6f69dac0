// Content-addressed files on disk: `<directory>/ab/<sha256>`. A file's name is the hash of its bytes. So a file never
// changes and needs no lock. A file that no longer matches its name is set aside and reported, never served.

import { createReadStream } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { isMissing, namingDiskFaults } from "@attune/platform/disk-fault";
import { makeDirectory, renameDurably, writeFileDurably } from "@attune/platform/durable-file";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import { createTurns } from "./turns.js";

interface StoredContent {
  readonly sizeBytes: number;
  /**
   * The bytes from `start` to `endInclusive`, read as the reader takes them. Their hash is
   * verified first. Throws STORE_CORRUPT.
   */
  stream(start: number, endInclusive: number): Promise<Readable>;
}

export interface ChunkStore {
  readonly maxBytes: number;
  /** Stores the bytes and answers their hash; storing the same bytes again does nothing. */
  put(bytes: Uint8Array): Promise<string>;
  /** Stores bytes that must have this hash. Throws INVALID_INPUT where they have another. */
  putAs(sha256: string, bytes: Uint8Array): Promise<void>;
  has(sha256: string): Promise<boolean>;
  /** The whole content, its hash verified; undefined where it is not stored. Throws STORE_CORRUPT. */
  read(sha256: string): Promise<Buffer | undefined>;
  /** A content ready to be served in part, of which nothing is read yet. Undefined where it is not stored. */
  open(sha256: string): Promise<StoredContent | undefined>;
  /** The stored contents, in no order. */
  list(): AsyncIterable<{ readonly sha256: string; readonly sizeBytes: number; readonly storedAt: Date }>;
  /** Removes the content. A reader that has opened it reads to its end. */
  remove(sha256: string): Promise<void>;
}

const sha256Pattern = /^[0-9a-f]{64}$/;
/** The number of whole contents in memory at a time, while they are verified. */
const readsAtATime = 4;
/** The bytes of a served content that its reader may leave untaken. */
const bufferBytes = 64 * 1024;

/** `maxBytes` keeps each content small enough to be hashed whole on every read. */
export function createChunkStore(directory: string, maxBytes: number): ChunkStore {
  const reads = createTurns(readsAtATime);

  function pathOf(sha256: string): string {
    // This pattern keeps a name from the network inside the directory.
    if (!sha256Pattern.test(sha256))
      throw new AppError("INVALID_INPUT", "sha256 is not 64 lower-case hexadecimal digits");
    return join(directory, sha256.slice(0, 2), sha256);
  }

  async function has(sha256: string): Promise<boolean> {
    return (await sizeOf(pathOf(sha256))) !== undefined;
  }

  async function putAs(sha256: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(sha256);
    if (bytes.length === 0 || bytes.length > maxBytes) {
      throw new AppError("INVALID_INPUT", `${bytes.length} bytes: a chunk has 1 to ${maxBytes}`);
    }
    const actual = sha256Of(bytes);
    if (actual !== sha256) {
      throw new AppError("INVALID_INPUT", `The ${bytes.length} bytes have sha256 ${actual}, not the named ${sha256}`);
    }
    if (!(await has(sha256))) await store(path, bytes);
  }

  async function put(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    await putAs(sha256, bytes);
    return sha256;
  }

  async function read(sha256: string): Promise<Buffer | undefined> {
    const path = pathOf(sha256);
    let bytes: Buffer;
    try {
      bytes = await namingDiskFaults(path, () => readFile(path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    if (sha256Of(bytes) !== sha256) {
      await renameDurably(path, `${path}.corrupt`);
      throw new AppError(
        "STORE_CORRUPT",
        `${path} no longer has the hash in its name; it was set aside as ${path}.corrupt`,
      );
    }
    return bytes;
  }

  async function open(sha256: string): Promise<StoredContent | undefined> {
    const path = pathOf(sha256);
    const sizeBytes = await sizeOf(path);
    if (sizeBytes === undefined) return undefined;
    return {
      sizeBytes,
      stream: async (start, endInclusive) => {
        await reads.run(() => read(sha256));
        return createReadStream(path, { start, end: endInclusive, highWaterMark: bufferBytes });
      },
    };
  }

  async function remove(sha256: string): Promise<void> {
    const path = pathOf(sha256);
    await namingDiskFaults(path, () => rm(path, { force: true }));
  }

  return { maxBytes, put, putAs, has, read, open, list: () => listContents(directory), remove };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return namingDiskFaults(path, () => stat(path)).then(
    (entry) => (entry.isFile() ? entry.size : undefined),
    (error) => (isMissing(error) ? undefined : Promise.reject(error)),
  );
}

async function* listContents(directory: string): ReturnType<ChunkStore["list"]> {
  for (const folder of await readdir(directory)) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const sha256 of await readdir(join(directory, folder))) {
      if (!sha256Pattern.test(sha256)) continue;
      const { size, mtime } = await stat(join(directory, folder, sha256));
      yield { sha256, sizeBytes: size, storedAt: mtime };
    }
  }
}

async function store(path: string, bytes: Uint8Array): Promise<void> {
  await makeDirectory(dirname(path));
  await writeFileDurably(path, bytes);
}
