// The store on LevelDB (classic-level). Every batch is one atomic, synced write; a damaged store is reported and set
// aside beside its place, never opened as if it were empty.

import { mkdir } from "node:fs/promises";
import { AppError } from "@attune/shared/errors";
import { ClassicLevel } from "classic-level";
import type { Store, StoreOperation } from "../core/ports.js";
import { directoryMode, mapDiskFull, moveAside } from "./durable-file.js";
import { findDamage } from "./level-verify.js";
import { plainBytes } from "./plain-bytes.js";

export interface LevelStore extends Store {
  close(): Promise<void>;
}

/** Fails with STORE_CORRUPT (the directory is renamed to `<directory>.corrupt-N`), HOME_IN_USE or DISK_FULL. */
export async function openLevelStore(directory: string): Promise<LevelStore> {
  await mkdir(directory, { recursive: true, mode: directoryMode });
  const damage = await findDamage(directory);
  if (damage !== undefined) throw await setAside(directory, `${damage.file}: ${damage.what}`);
  const database = new ClassicLevel<string, Uint8Array>(directory, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    // Without compression the checksums can be verified before LevelDB opens its tables; sealed bytes do not shrink anyway.
    compression: false,
    cacheSize: 1024 * 1024,
    writeBufferSize: 1024 * 1024,
    maxOpenFiles: 64,
  });
  try {
    await mapDiskFull("open the store", () => database.open());
    // An earlier process died between the deletion and the end of the erasure.
    if ((await database.get(erasingKey)) !== undefined) await finishErasing(database, [["", lastKey]]);
  } catch (cause) {
    await database.close().catch(() => undefined);
    throw await openingError(directory, cause);
  }
  return createLevelStore(directory, database);
}

function createLevelStore(directory: string, database: ClassicLevel<string, Uint8Array>): LevelStore {
  const guarded = async <T>(step: string, action: () => Promise<T>): Promise<T> => {
    try {
      return await mapDiskFull(step, action);
    } catch (cause) {
      if (isCorruption(cause)) {
        throw new AppError("STORE_CORRUPT", `${directory} is damaged; it is set aside at the next start`, { cause });
      }
      throw cause;
    }
  };
  return {
    get: async (key) => {
      const value = await guarded("read the store", () => database.get(key));
      return value && plainBytes(value);
    },
    batch: (operations) => guarded("write to the store", () => database.batch(inLevel(operations), { sync: true })),
    erase: async (operations) => {
      const ranges = rangesOf(operations);
      await guarded("write to the store", async () => {
        // What the log still holds goes into tables first: a value and its deletion in one table would both stay.
        for (const [first, last] of ranges) await database.compactRange(first, last);
        const due: StoreOperation = { type: "put", key: erasingKey, value: new Uint8Array([1]) };
        await database.batch(inLevel([...operations, due]), { sync: true });
      });
      // From here on it is deleted; where its bytes cannot be taken off the disk now, the next start does it.
      await finishErasing(database, ranges).catch(() => undefined);
    },
    async *entries(prefix) {
      // Keys are compared as UTF-8 bytes; 0xff is in no UTF-8 text, U+10FFFF is the highest that can be.
      const iterator = database.iterator({ gte: prefix, lt: prefix + lastKey });
      try {
        for (;;) {
          const entry = await guarded("read the store", () => iterator.next());
          if (entry === undefined) return;
          yield [entry[0], plainBytes(entry[1])];
        }
      } finally {
        await iterator.close();
      }
    },
    close: () => database.close(),
  };
}

/** Present while bytes of what was deleted may still be on the disk. */
const erasingKey = "erasing";
const lastKey = "\u{10ffff}";

/** From the first to the last key of what is written under each part of the store. */
function rangesOf(operations: readonly StoreOperation[]): [first: string, last: string][] {
  const ranges = new Map<string, [string, string]>();
  for (const key of operations.map((operation) => operation.key).sort()) {
    const part = key.slice(0, key.indexOf("/") + 1) || key;
    ranges.set(part, [ranges.get(part)?.[0] ?? key, key]);
  }
  return [...ranges.values()];
}

/** LevelDB only marks what is deleted; its bytes go when the tables that hold them are written anew. */
async function finishErasing(
  database: ClassicLevel<string, Uint8Array>,
  ranges: readonly (readonly [first: string, last: string])[],
): Promise<void> {
  for (const [first, last] of ranges) await database.compactRange(first, last);
  await database.del(erasingKey, { sync: true });
}

function inLevel(operations: readonly StoreOperation[]) {
  return operations.map((operation) =>
    operation.type === "put"
      ? { type: "put" as const, key: operation.key, value: operation.value }
      : { type: "del" as const, key: operation.key },
  );
}

async function openingError(directory: string, cause: unknown): Promise<unknown> {
  if (cause instanceof AppError) return cause;
  const reason = (cause as { cause?: unknown }).cause;
  if (isLocked(cause) || isLocked(reason)) {
    return new AppError("HOME_IN_USE", `${directory} is open in another process`, { cause });
  }
  if (isCorruption(cause) || isCorruption(reason)) return await setAside(directory, "LevelDB cannot read it", cause);
  return cause;
}

/** Moves the store away so that nothing overwrites it, and says where it is. */
async function setAside(directory: string, what: string, cause?: unknown): Promise<AppError> {
  const target = await moveAside(directory, "corrupt");
  return new AppError("STORE_CORRUPT", `${directory} is damaged (${what}); it was moved to ${target}`, { cause });
}

function isLocked(cause: unknown): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "LEVEL_LOCKED";
}

function isCorruption(cause: unknown): boolean {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  // A missing table or manifest comes as an I/O error, and so do damaged descriptors.
  return (
    code === "LEVEL_CORRUPTION" ||
    (typeof message === "string" && /corruption|does not exist|\.ldb: No such file/i.test(message))
  );
}
