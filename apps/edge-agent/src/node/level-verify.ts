// Checks every checksum in a LevelDB directory before it is opened. LevelDB itself skips damaged records of its log
// silently, and loses what they held. A device must report the damage instead of working with half its memory. Formats:
// LevelDB's doc/log_format.md and doc/table_format.md.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const blockSizeBytes = 32_768;
const recordHeaderBytes = 7;
const footerBytes = 48;
const blockTrailerBytes = 5;
const tableMagic = 0xdb4775248b80fb57n;

/** The first damaged file of the directory and its damage, or undefined where there is none. */
export async function findDamage(directory: string): Promise<{ file: string; what: string } | undefined> {
  const crc32c = createCrc32c();
  const names = await readdir(directory);
  for (const file of names.sort()) {
    const check = /^\d+\.log$/.test(file) ? logDamage : /^\d+\.(?:ldb|sst)$/.test(file) ? tableDamage : undefined;
    const what = check?.(await readFile(join(directory, file)), crc32c);
    if (what !== undefined) return { file, what };
  }
  if (names.some((name) => name.startsWith("MANIFEST-")) && !names.includes("CURRENT")) {
    return { file: "CURRENT", what: "missing" };
  }
  return undefined;
}

type Crc32c = (bytes: Uint8Array) => number;

/** A log that ends inside a record was cut by a crash before the write was confirmed, which is no damage. */
function logDamage(log: Buffer, crc32c: Crc32c): string | undefined {
  let position = 0;
  while (position + recordHeaderBytes <= log.length) {
    const left = blockSizeBytes - (position % blockSizeBytes);
    if (left < recordHeaderBytes) {
      position += left;
      continue;
    }
    const length = log.readUInt16LE(position + 4);
    const type = log[position + 6] as number;
    if (type === 0 && length === 0) {
      position += left;
      continue;
    }
    const end = position + recordHeaderBytes + length;
    if (recordHeaderBytes + length > left) return `record at byte ${position} is longer than its block`;
    if (end > log.length) return undefined;
    if (log.readUInt32LE(position) !== mask(crc32c(log.subarray(position + 6, end)))) {
      return isUnwritten(log.subarray(end - Math.min(16, length), log.length))
        ? undefined
        : `checksum of the record at byte ${position}`;
    }
    position = end;
  }
  return undefined;
}

/** After a power cut a file can be longer than what reached the disk: the rest reads as zeros. */
function isUnwritten(tail: Uint8Array): boolean {
  return tail.every((byte) => byte === 0);
}

function tableDamage(table: Buffer, crc32c: Crc32c): string | undefined {
  if (table.length < footerBytes || table.readBigUInt64LE(table.length - 8) !== tableMagic) return "footer";
  const footer = table.length - footerBytes;
  const meta = readHandle(table, footer);
  const index = meta && readHandle(table, meta.next);
  if (meta === undefined || index === undefined) return "footer";
  const blockDamage = ({ offset, size }: Handle): string | undefined => {
    const end = offset + size;
    if (end + blockTrailerBytes > footer) return `block at byte ${offset} runs past the end`;
    const expected = table.readUInt32LE(end + 1);
    return mask(crc32c(table.subarray(offset, end + 1))) === expected
      ? undefined
      : `checksum of the block at byte ${offset}`;
  };
  const damaged = blockDamage(meta) ?? blockDamage(index);
  if (damaged !== undefined) return damaged;
  // Blocks lie one after the other from byte 0, but only the index holds where each ends. A compressed index is left to
  // LevelDB (this store writes without compression).
  if (table[index.offset + index.size] !== 0) return undefined;
  for (const handle of indexEntries(table.subarray(index.offset, index.offset + index.size))) {
    const what = handle === undefined ? "index" : blockDamage(handle);
    if (what !== undefined) return what;
  }
  return undefined;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
  readonly next: number;
}

function readHandle(bytes: Uint8Array, position: number): Handle | undefined {
  const offset = readVarint(bytes, position);
  const size = offset && readVarint(bytes, offset.next);
  return offset && size && { offset: offset.value, size: size.value, next: size.next };
}

function readVarint(bytes: Uint8Array, position: number): { value: number; next: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let next = position; next < bytes.length && next < position + 7; next++) {
    const byte = bytes[next] as number;
    value += (byte & 127) * scale;
    if (byte < 128) return { value, next: next + 1 };
    scale *= 128;
  }
  return undefined;
}

/** The block handles in an index block: entries of (shared, unshared, value size), key rest, value. */
function* indexEntries(block: Buffer): Generator<Handle | undefined> {
  if (block.length < 4) return yield undefined;
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  let position = 0;
  while (position < end) {
    const shared = readVarint(block, position);
    const unshared = shared && readVarint(block, shared.next);
    const size = unshared && readVarint(block, unshared.next);
    if (unshared === undefined || size === undefined) return yield undefined;
    const value = size.next + unshared.value;
    position = value + size.value;
    if (position > end) return yield undefined;
    yield readHandle(block, value);
  }
}

/** LevelDB stores checksums masked, because a checksum of bytes that hold checksums is weak. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78). */
export function createCrc32c(): Crc32c {
  const table = new Int32Array(256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    table[value] = crc;
  }
  return (bytes) => {
    let crc = -1;
    for (let i = 0; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] as number)) & 255] as number) ^ (crc >>> 8);
    return (crc ^ -1) >>> 0;
  };
}
