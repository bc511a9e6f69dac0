// Content-addressed files on disk: `<directory>/ab/<sha256>`. A file's name is the hash of its bytes, so it is never changed
// and never needs a lock; what no longer matches its name is set aside and reported, not served.
import { createHash } from "node:crypto";
import { readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { AppError } from "@attune/shared/errors";
import { makeDirectory, writeFileDurably } from "../platform/durable-file.js";

export interface StoredContent {
  readonly sizeBytes: number;
  /** The bytes from `start` to `endInclusive`. */
  stream(start: number, endInclusive: number): Readable;
}

export interface ChunkStore {
  readonly maximumBytes: number;
  /** Stores the bytes and answers their hash; storing the same bytes again does nothing. */
  put(bytes: Uint8Array): Promise<string>;
  /** Stores bytes that must have this hash. Throws INVALID_INPUT where they have another. */
  putAs(sha256: string, bytes: Uint8Array): Promise<void>;
  has(sha256: string): Promise<boolean>;
  /** The whole content, its hash verified; undefined where it is not stored. Throws STORE_CORRUPT. */
  read(sha256: string): Promise<Buffer | undefined>;
  /** The same, ready to be served in part. */
  open(sha256: string): Promise<StoredContent | undefined>;
}

const sha256Pattern = /^[0-9a-f]{64}$/;

/** `maximumBytes` keeps one content small enough to be hashed whole on every read. */
export function createChunkStore(directory: string, maximumBytes: number): ChunkStore {
  function pathOf(sha256: string): string {
    // The pattern is what keeps a name from the network inside the directory.
    if (!sha256Pattern.test(sha256))
      throw new AppError("INVALID_INPUT", "sha256 is not 64 lower-case hexadecimal digits");
    return join(directory, sha256.slice(0, 2), sha256);
  }

  async function has(sha256: string): Promise<boolean> {
    const path = pathOf(sha256);
    return stat(path).then(
      (entry) => entry.isFile(),
      (error) => (isAbsent(error) ? false : Promise.reject(error)),
    );
  }

  async function putAs(sha256: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(sha256);
    if (bytes.length === 0 || bytes.length > maximumBytes) {
      throw new AppError("INVALID_INPUT", `${bytes.length} bytes: a chunk has 1 to ${maximumBytes}`);
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
      bytes = await readFile(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
    if (sha256Of(bytes) !== sha256) {
      await rename(path, `${path}.corrupt`);
      throw new AppError(
        "STORE_CORRUPT",
        `${path} no longer has the hash in its name; it was set aside as ${path}.corrupt`,
      );
    }
    return bytes;
  }

  async function open(sha256: string): Promise<StoredContent | undefined> {
    const bytes = await read(sha256);
    if (bytes === undefined) return undefined;
    return {
      sizeBytes: bytes.length,
      stream: (start, endInclusive) => Readable.from([bytes.subarray(start, endInclusive + 1)], { objectMode: false }),
    };
  }

  return { maximumBytes, put, putAs, has, read, open };
}

async function store(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await writeFileDurably(path, bytes);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOSPC" || code === "EDQUOT") throw new AppError("DISK_FULL", `No space left for ${path}`, { cause });
    throw cause;
  }
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}
