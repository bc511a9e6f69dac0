// Reads a zip file's stored (uncompressed) entries as views of the file: PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12,
// 4.3.14 to 4.3.16 and 4.5.3. Views copy nothing, so a 500 MB checkpoint is in memory once.

import { crc32 } from "node:zlib";

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const in64 = 0xffffffff;

interface Directory {
  readonly offset: number;
  readonly size: number;
}

/**
 * Name → bytes. Throws an Error naming the entry that is compressed, encrypted, truncated,
 * overlapping, repeated or damaged.
 */
export function readStoredZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(view);
  const found = new Map<string, Span>();
  const directoryEnd = directory.offset + directory.size;
  for (let at = directory.offset; at < directoryEnd; ) {
    if (at + 46 > directoryEnd || view.getUint32(at, true) !== centralSignature) {
      throw new Error("the zip's directory is damaged");
    }
    const entry = readEntry(view, at, directoryEnd);
    const { name } = entry;
    if (found.has(name)) throw new Error(`the zip holds "${name}" twice`);
    if (entry.encrypted) throw new Error(`the zip's "${name}" is encrypted`);
    if (entry.method !== 0 || entry.size !== entry.compressedSize) {
      throw new Error(`the zip's "${name}" is compressed, which torch.save never does`);
    }
    const begin = dataOffset(view, entry, directory.offset);
    const end = begin + entry.size;
    if (end > directory.offset) throw new Error(`the zip's "${name}" ends at ${end}, past the file's entries`);
    found.set(name, { name, headerOffset: entry.headerOffset, begin, end, checksum: entry.checksum });
    at = entry.next;
  }
  // Overlaps are refused before any content is read: entries that share bytes would be read once each.
  refuseOverlap([...found.values()]);
  const entries = new Map<string, Uint8Array>();
  for (const { name, begin, end, checksum } of found.values()) {
    const content = bytes.subarray(begin, end);
    if (crc32(content) !== checksum) throw new Error(`the zip's "${name}" is damaged: its checksum differs`);
    entries.set(name, content);
  }
  return entries;
}

interface Span {
  readonly name: string;
  readonly headerOffset: number;
  readonly begin: number;
  readonly end: number;
  readonly checksum: number;
}

function findDirectory(view: DataView): Directory {
  // The end record is 22 bytes long, and a comment of up to 65,535 bytes may follow.
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= lowest; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    const found = { size: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };
    const directory = findDirectory64(view, at) ?? found;
    if (directory.offset + directory.size > at) throw new Error("the zip's directory lies outside the file");
    return directory;
  }
  throw new Error("the zip has no end record: the file is truncated");
}

function findDirectory64(view: DataView, endRecord: number): Directory | undefined {
  const locator = endRecord - 20;
  if (locator < 0 || view.getUint32(locator, true) !== locator64Signature) return undefined;
  const at = uint64(view, locator + 8);
  if (at + 56 > locator || view.getUint32(at, true) !== end64Signature) {
    throw new Error("the zip's 64-bit end record is damaged");
  }
  return { size: uint64(view, at + 40), offset: uint64(view, at + 48) };
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly checksum: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
  readonly next: number;
}

function readEntry(view: DataView, at: number, directoryEnd: number): Entry {
  const nameEnd = at + 46 + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const next = extraEnd + view.getUint16(at + 32, true);
  if (next > directoryEnd) throw new Error("the zip's directory is truncated");
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameEnd - at - 46));
  // Sizes and offsets above 32 bits are in an extra field, in this order.
  const wide = extraField64(view, nameEnd, extraEnd);
  const [size, compressedSize, headerOffset] = [at + 24, at + 20, at + 42].map((field) => {
    const value = view.getUint32(field, true);
    return value === in64 ? wide() : value;
  }) as [number, number, number];
  return {
    name,
    method: view.getUint16(at + 10, true),
    encrypted: (view.getUint16(at + 8, true) & 1) === 1,
    checksum: view.getUint32(at + 16, true),
    compressedSize,
    size,
    headerOffset,
    next,
  };
}

function extraField64(view: DataView, begin: number, end: number): () => number {
  for (let at = begin; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let next = at + 4;
    const last = Math.min(end, next + view.getUint16(at + 2, true));
    return () => {
      if (next + 8 > last) throw new Error("the zip's 64-bit sizes are missing");
      next += 8;
      return uint64(view, next - 8);
    };
  }
  return () => {
    throw new Error("the zip's 64-bit sizes are missing");
  };
}

function dataOffset(view: DataView, { name, headerOffset }: Entry, directory: number): number {
  if (headerOffset + 30 > directory || view.getUint32(headerOffset, true) !== localSignature) {
    throw new Error(`the zip's "${name}" has no header where the directory says`);
  }
  return headerOffset + 30 + view.getUint16(headerOffset + 26, true) + view.getUint16(headerOffset + 28, true);
}

function refuseOverlap(spans: readonly Span[]): void {
  let end = 0;
  for (const span of spans.toSorted((x, y) => x.headerOffset - y.headerOffset)) {
    if (span.headerOffset < end) throw new Error(`the zip's "${span.name}" overlaps the entry before it`);
    end = span.end;
  }
}

function uint64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`the zip names a size or place of ${value} bytes`);
  return Number(value);
}
