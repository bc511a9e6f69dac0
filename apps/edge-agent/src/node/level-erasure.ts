// Takes off the disk what was deleted from a LevelDB store. LevelDB only marks deleted bytes. They go when every table
// that holds them is written anew, and no iterator or read that began earlier is open.

import type { ClassicLevel } from "classic-level";
import { createExclusive } from "../core/concurrency/exclusive.js";
import type { StoreOperation } from "../core/ports.js";
import { parseJson } from "../core/storage/parse-json.js";

type Database = ClassicLevel<string, Uint8Array>;

/** Present while deleted bytes may still be on the disk; holds a JSON list of the parts of the store that held them. */
const erasingKey = "erasing";
/** Stands for the whole store, in a mark that an older agent left. */
const everywhere = "";

/**
 * A part is all keys that are the same up to the first slash. Keys without a slash are the agent's own records,
 * which need no erasing.
 */
export function partsOf(operations: readonly StoreOperation[]): string[] {
  const parts = operations.map(({ key }) => key.slice(0, key.indexOf("/") + 1));
  return [...new Set(parts.filter((part) => part !== ""))];
}

export async function readUnerased(database: Database): Promise<string[]> {
  const mark = await database.get(erasingKey);
  if (mark === undefined) return [];
  const json = parseJson(mark);
  const isList = json.ok && Array.isArray(json.value) && json.value.every((part) => typeof part === "string");
  return isList ? (json.value as string[]) : [everywhere];
}

export function putUnerased(parts: readonly string[]): StoreOperation {
  return { type: "put", key: erasingKey, value: new TextEncoder().encode(JSON.stringify(parts)) };
}

/** The mark goes last. Nothing may read meanwhile (`createReadEraseLock`). */
export async function eraseParts(database: Database, parts: readonly string[]): Promise<void> {
  for (const part of parts) await rewrite(database, fencesOf(part));
  await database.del(erasingKey, { sync: true });
}

type Fences = readonly [first: string, last: string];

/** Two keys that no record uses, just outside of all keys of the part. */
function fencesOf(part: string): Fences {
  if (part === everywhere) return ["!", "~"];
  const [before, end] = [part.slice(0, -1), part.charCodeAt(part.length - 1)];
  return [`${before}${String.fromCharCode(end - 1)}~`, `${before}${String.fromCharCode(end + 1)}`];
}

/**
 * A compaction moves tables of one level into the next. So the lowest tables are only written anew where a table above
 * overlaps them; the fences do, from end to end. The first round brings all that the part has into one level, the
 * second writes that level anew.
 */
async function rewrite(database: Database, [first, last]: Fences): Promise<void> {
  const nothing = new Uint8Array(0);
  // The log's content goes into a table of its own. Otherwise the fences would share a table with it that
  // overlaps the whole store.
  await database.compactRange(last, last);
  for (let round = 0; round < 2; round++) {
    await database.batch([
      { type: "put", key: first, value: nothing },
      { type: "put", key: last, value: nothing },
    ]);
    await database.compactRange(first, last);
  }
  await database.batch([
    { type: "del", key: first },
    { type: "del", key: last },
  ]);
}

/** Reads run beside each other, and an erasure runs beside nothing. */
interface ReadEraseLock {
  /** The work must be short, because an erasure waits for it. */
  read<T>(work: () => Promise<T>): Promise<T>;
  erase<T>(work: () => Promise<T>): Promise<T>;
}

export function createReadEraseLock(): ReadEraseLock {
  const exclusive = createExclusive();
  const reads = new Set<Promise<unknown>>();
  let erasing: Promise<unknown> | undefined;
  return {
    async read(work) {
      while (erasing !== undefined) await erasing;
      const result = work();
      const settled: Promise<unknown> = result.catch(() => undefined).then(() => reads.delete(settled));
      reads.add(settled);
      return result;
    },
    erase: (work) =>
      exclusive(async () => {
        const result = Promise.all(reads).then(work);
        erasing = result.catch(() => undefined);
        try {
          return await result;
        } finally {
          erasing = undefined;
        }
      }),
  };
}
