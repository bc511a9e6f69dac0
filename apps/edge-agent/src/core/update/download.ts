// Puts the files of a release together, chunk by chunk: resumable, every chunk checked before it joins its file.
// A chunk that a slot holds is copied, and every other chunk is fetched.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { ReleaseFile } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Files } from "../ports.js";
import { type DownloadParts, fetchPiece } from "./fetch-piece.js";
import type { LocalPieces } from "./local-pieces.js";
import { slotDirectory, slotFile } from "./slots.js";

export interface Downloader {
  manifest(sha256: string, signal: AbortSignal): Promise<Result<Uint8Array, UpdateReason>>;
  /** Appends what is missing of a file to the slot. An abort results in `network`, and the next call resumes. */
  file(wanted: WantedFile, signal: AbortSignal): Promise<Result<void, UpdateReason>>;
}

interface WantedFile {
  readonly sequence: number;
  readonly file: ReleaseFile;
  readonly local: LocalPieces;
}

export function createDownloader(parts: DownloadParts): Downloader {
  return {
    manifest: (sha256, signal) =>
      fetchPiece(parts, { what: "manifests", sha256, sizeBytes: undefined, partialPath: undefined }, signal),
    file: (wanted, signal) => completeFile(parts, wanted, signal),
  };
}

async function completeFile(
  parts: DownloadParts,
  { sequence, file, local }: WantedFile,
  signal: AbortSignal,
): Promise<Result<void, UpdateReason>> {
  const { files } = parts;
  const path = slotFile(sequence, file.name);
  let position = await keepWholeChunks(files, path, file);
  let end = 0;
  for (const chunk of file.chunks) {
    const { sha256, sizeBytes } = chunk;
    end += sizeBytes;
    if (end <= position) continue;
    if (signal.aborted) return refuse("network", "the download was interrupted");
    const copied = await local.read(file, chunk, position);
    if (copied !== undefined) {
      await files.append(path, copied);
      position = end;
      continue;
    }
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
