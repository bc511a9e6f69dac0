// Puts an uploaded extractor's files together from their chunks, and checks them against their descriptions.

import { sha256 as sha256Of } from "@attune/platform/sha256";
import { type ReleaseFile, type ReleaseFileName, releaseFileNames } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import type { ChunkStore } from "../content/chunk-store.js";
import type { ExtractorFiles } from "./extractor-check.js";

type Chunks = Pick<ChunkStore, "read">;

/** An extractor is checked in memory. Devices of this product are not meant to run larger extractors. */
const maxExtractorBytes = 2 ** 30;

/** Throws INVALID_INPUT where a file or a chunk is missing, or differs from its description. */
export async function assembleExtractor(chunkStore: Chunks, files: readonly ReleaseFile[]): Promise<ExtractorFiles> {
  if (files.reduce((sum, file) => sum + file.sizeBytes, 0) > maxExtractorBytes) {
    throw new AppError("INVALID_INPUT", `files: more than ${maxExtractorBytes} bytes in all`);
  }
  const assembled = {} as Record<ReleaseFileName, Uint8Array>;
  for (const name of releaseFileNames) {
    const file = files.find((one) => one.name === name);
    if (file === undefined) throw new AppError("INVALID_INPUT", `files: ${name} is missing`);
    assembled[name] = await assembleFile(chunkStore, file);
  }
  return assembled;
}

async function assembleFile(chunkStore: Chunks, { name, sizeBytes, sha256, chunks }: ReleaseFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const [index, chunk] of chunks.entries()) {
    const content = await chunkStore.read(chunk.sha256);
    if (content === undefined) {
      throw missingChunk(name, index);
    }
    if (content.length !== chunk.sizeBytes) {
      throw new AppError(
        "INVALID_INPUT",
        `${name}: chunk ${index} has ${content.length} bytes, not ${chunk.sizeBytes}`,
      );
    }
    bytes.set(content, offset);
    offset += content.length;
  }
  if (sha256Of(bytes) !== sha256) throw new AppError("INVALID_INPUT", `${name}: the chunks do not make up its sha256`);
  return bytes;
}

/** Checks again what was checked before: a chunk may have been collected since. Throws INVALID_INPUT. */
export async function assertStored(chunkStore: Pick<ChunkStore, "has">, files: readonly ReleaseFile[]): Promise<void> {
  for (const { name, chunks } of files) {
    for (const [index, { sha256 }] of chunks.entries()) {
      if (!(await chunkStore.has(sha256))) throw missingChunk(name, index);
    }
  }
}

function missingChunk(name: ReleaseFileName, index: number): AppError {
  return new AppError("INVALID_INPUT", `${name}: chunk ${index} is not in the store; upload it first`);
}
