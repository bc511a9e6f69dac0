// The store on LevelDB (classic-level). Every batch is one atomic, synced write; a damaged store is reported and set
// aside beside its place, never opened as if it were empty.

import { mkdir } from "node:fs/promises";
import { namingDiskFaults } from "@attune/platform/disk-fault";
import { moveAside } from "@attune/platform/durable-file";
import { AppError } from "@attune/shared/errors";
import { ClassicLevel } from "classic-level";
import type { Store, StoreOperation } from "../core/ports.js";
import { createReadEraseLock, eraseParts, partsOf, putUnerased, readUnerased } from "./level-erasure.js";
import { findDamage } from "./level-verify.js";
import { directoryMode } from "./own-file.js";
import { plainBytes } from "./plain-bytes.js";

export interface LevelStore extends Store {
  close(): Promise<void>;
}

const pageEntries = 128;

/** Fails with STORE_CORRUPT (the directory is renamed to `<directory>.corrupt-N`), HOME_IN_USE or DISK_FULL. */
export async function openLevelStore(directory: string): Promise<LevelStore> {
  await mkdir(directory, { recursive: true, mode: directoryMode });
  const damage = await findDamage(directory);
  if (damage !== undefined) throw await setAside(directory, `${damage.file}: ${damage.what}`);
  const database = new ClassicLevel<string, Uint8Array>(directory, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    // Without compression the checksums can be verified before LevelDB opens its tables; sealed bytes
    // do not shrink anyway.
    compression: false,
    cacheSize: 1024 * 1024,
    writeBufferSize: 1024 * 1024,
    maxOpenFiles: 64,
  });
  try {
    await namingDiskFaults(directory, () => database.open());
    // An earlier process died, or had no room on the disk, between the deletion and the end of the erasure.
    const unerased = await readUnerased(database);
    if (unerased.length > 0) await eraseParts(database, unerased);
  } catch (cause) {
    await database.close().catch(() => undefined);
    throw await openingError(directory, cause);
  }
  return createLevelStore(directory, database);
}

function createLevelStore(directory: string, database: ClassicLevel<string, Uint8Array>): LevelStore {
  const guarded = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await namingDiskFaults(directory, action);
    } catch (cause) {
      if (isCorruption(cause)) {
        throw new AppError("STORE_CORRUPT", `${directory} is damaged; it is set aside at the next start`, { cause });
      }
      throw cause;
    }
  };
  const lock = createReadEraseLock();
  /** The parts of the store in which deleted bytes may still be on the disk. */
  let unerased: readonly string[] = [];
  return {
    get: async (key) => {
      const value = await lock.read(() => guarded(() => database.get(key)));
      return value && plainBytes(value);
    },
    batch: (operations) => guarded(() => database.batch(inLevel(operations), { sync: true })),
    erase: (operations) =>
      lock.erase(async () => {
        const parts = [...new Set([...unerased, ...partsOf(operations)])];
        await guarded(() => database.batch(inLevel([...operations, putUnerased(parts)]), { sync: true }));
        unerased = parts;
        // The deletion is done here. Bytes that cannot be taken off the disk now are left to the next erasure or start.
        await eraseParts(database, parts).then(
          () => {
            unerased = [];
          },
          () => undefined,
        );
      }),
    async *entries(prefix) {
      // Reads one page at a time: an iterator that stays open keeps on the disk what is erased meanwhile.
      let after: string | undefined;
      for (;;) {
        // Keys are compared as UTF-8 bytes; U+10FFFF is the highest code point.
        const range = { ...(after === undefined ? { gte: prefix } : { gt: after }), lt: `${prefix}\u{10ffff}` };
        const page = await lock.read(() => guarded(() => database.iterator({ ...range, limit: pageEntries }).all()));
        for (const [key, value] of page) yield [key, plainBytes(value)];
        if (page.length < pageEntries) return;
        after = page.at(-1)![0];
      }
    },
    close: () => database.close(),
  };
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

/** Moves the store away so that nothing overwrites it, and returns an error that names its new place. */
async function setAside(directory: string, what: string, cause?: unknown): Promise<AppError> {
  const target = await moveAside(directory, "corrupt");
  return new AppError("STORE_CORRUPT", `${directory} is damaged (${what}); it was moved to ${target}`, { cause });
}

function isLocked(cause: unknown): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "LEVEL_LOCKED";
}

function isCorruption(cause: unknown): boolean {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  // A missing table or manifest is reported as an I/O error, and so are damaged descriptors.
  return (
    code === "LEVEL_CORRUPTION" ||
    (typeof message === "string" && /corruption|does not exist|\.ldb: No such file/i.test(message))
  );
}
