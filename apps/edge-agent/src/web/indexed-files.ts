// The device's files in IndexedDB, each as pieces one after the other, so that an append writes only what it adds. A
// transaction replaces a file whole or not at all.

import { AppError } from "@attune/shared/errors";
import type { Files } from "../core/ports.js";
import { blobSource } from "./blob-source.js";
import { answerOf, type WebDatabase } from "./database.js";

type Piece = Uint8Array<ArrayBuffer> | Blob;
type PieceKey = readonly [path: string, offset: number];

/** The browser keeps a larger piece as a file of its own, which is read without being in memory whole. */
const blobBytes = 65_536;

export function createIndexedFiles(database: WebDatabase): Files {
  const find = async (path: string): Promise<Blob> => {
    const pieces = await database.read("files", (files) => answerOf<Piece[]>(files.getAll(piecesOf(path))));
    if (pieces.length === 0) throw new AppError("NOT_FOUND", `${path} does not exist`);
    return new Blob(pieces);
  };
  return {
    read: async (path) => new Uint8Array(await (await find(path)).arrayBuffer()),
    open: async (path) => ({ ...blobSource(await find(path)), close: async () => undefined }),
    writeDurably: (path, bytes) =>
      database.write("files", async (files) => {
        files.delete(piecesOf(path));
        files.put(pieceOf(bytes), [path, 0]);
      }),
    append: (path, bytes) =>
      database.write("files", async (files) => {
        const end = await endOf(files, path);
        if (end === undefined || bytes.length > 0) files.put(pieceOf(bytes), [path, end ?? 0]);
      }),
    size: (path) => database.read("files", (files) => endOf(files, path)),
    truncate: (path, sizeBytes) => database.write("files", (files) => truncate(files, path, sizeBytes)),
    remove: (path) =>
      database.write("files", async (files) => {
        files.delete(piecesOf(path));
        files.delete(inside(path));
      }),
    freeBytes: roomLeft,
    async list(directory) {
      const keys = await database.read("files", (files) => answerOf(files.getAllKeys(inside(directory))));
      const names = keys.map((key) => (key as unknown as PieceKey)[0].slice(directory.length + 1).split("/")[0]!);
      return [...new Set(names)].sort();
    },
  };
}

/** Bytes that the browser still gives this origin; undefined where it does not say. */
export async function roomLeft(): Promise<number | undefined> {
  const { quota, usage = 0 } = await navigator.storage.estimate();
  return quota === undefined ? undefined : Math.max(0, quota - usage);
}

function piecesOf(path: string): IDBKeyRange {
  return IDBKeyRange.bound([path, 0], [path, Number.POSITIVE_INFINITY]);
}

/** All pieces of the files in a directory: "0" follows "/". */
function inside(directory: string): IDBKeyRange {
  return IDBKeyRange.bound([`${directory}/`], [`${directory}0`], false, true);
}

/** A copy, because a view would be stored with all of its buffer. */
function pieceOf(bytes: Uint8Array): Piece {
  const copy = new Uint8Array(bytes);
  return copy.length < blobBytes ? copy : new Blob([copy]);
}

function sizeOf(piece: Piece): number {
  return piece instanceof Blob ? piece.size : piece.length;
}

/** The size of the file, or undefined where there is none. */
async function endOf(files: IDBObjectStore, path: string): Promise<number | undefined> {
  const last = await answerOf(files.openCursor(piecesOf(path), "prev"));
  return last === null ? undefined : (last.key as unknown as PieceKey)[1] + sizeOf(last.value);
}

async function truncate(files: IDBObjectStore, path: string, sizeBytes: number): Promise<void> {
  const last = await answerOf(
    files.openCursor(IDBKeyRange.bound([path, 0], [path, sizeBytes], false, sizeBytes > 0), "prev"),
  );
  if (last === null) throw new AppError("NOT_FOUND", `${path} does not exist`);
  const piece: Piece = last.value;
  const [, offset] = last.key as unknown as PieceKey;
  files.delete(IDBKeyRange.bound([path, sizeBytes], [path, Number.POSITIVE_INFINITY]));
  files.put(piece.slice(0, sizeBytes - offset), [path, offset]);
}
