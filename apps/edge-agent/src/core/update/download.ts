// Fetches a release, chunk by chunk: resumable, every chunk checked before it joins its file.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { ReleaseFile } from "@attune/shared/contracts/release";
import { accept, type Result } from "@attune/shared/result";
import type { Files } from "../ports.js";
import { type DownloadParts, fetchPiece } from "./fetch-piece.js";
import { slotDirectory, slotFile } from "./slots.js";

export interface Downloader {
  manifest(sha256: string, signal: AbortSignal): Promise<Result<Uint8Array, UpdateReason>>;
  /** Appends what is missing of `file` to the slot. An abort results in `network`, and the next call resumes. */
  file(sequence: number, file: ReleaseFile, signal: AbortSignal): Promise<Result<void, UpdateReason>>;
}

export function createDownloader(parts: DownloadParts): Downloader {
  return {
    manifest: (sha256, signal) =>
      fetchPiece(parts, { what: "manifests", sha256, sizeBytes: undefined, partialPath: undefined }, signal),
    file: (sequence, file, signal) => fetchFile(parts, { sequence, file }, signal),
  };
}

interface SlotFile {
  readonly sequence: number;
  readonly file: ReleaseFile;
}

async function fetchFile(
  parts: DownloadParts,
  { sequence, file }: SlotFile,
  signal: AbortSignal,
): Promise<Result<void, UpdateReason>> {
  const { files } = parts;
  const path = slotFile(sequence, file.name);
  let position = await keepWholeChunks(files, path, file);
  let end = 0;
  for (const { sha256, sizeBytes } of file.chunks) {
    end += sizeBytes;
    if (end <= position) continue;
    const partialPath = `${slotDirectory(sequence)}/${sha256}.partial`;
    const bytes = await fetchPiece(parts, { what: "chunks", sha256, sizeBytes, partialPath }, signal);
    if (!bytes.ok) return bytes;
    await files.append(path, bytes.value);
    await files.remove(partialPath);
    position = end;
  }
  return accept(undefined);
}

/** Cuts off half a chunk, which a crash while appending leaves. Returns the number of bytes that stay. */
async function keepWholeChunks(files: Files, path: string, { chunks }: ReleaseFile): Promise<number> {
  const size = await files.size(path);
  if (size === undefined) return 0;
  let whole = 0;
  for (const { sizeBytes } of chunks) {
    if (whole + sizeBytes > size) break;
    whole += sizeBytes;
  }
  if (whole !== size) await files.truncate(path, whole);
  return whole;
}
