// Publishes a frozen extractor's folder from any machine: reads the folder, uploads the chunks that the
// server lacks, and publishes.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lineage } from "@attune/shared/contracts/lineage";
import {
  chunkPath,
  type HeadRecipe,
  type ReleaseFile,
  type ReleaseFileName,
  releaseFileNames,
} from "@attune/shared/contracts/release";
import { AppError, isErrorCode } from "@attune/shared/errors";
import { z } from "zod";
import { type Chunk, splitFile } from "../catalogue/publish.js";
import { askServer, type ServerAccess } from "./fleet-client.js";
import { readLineage } from "./read-lineage.js";

interface PublishFolder {
  /** The folder of a frozen extractor. */
  readonly folder: string;
  readonly model: string;
  readonly modelVersion: string;
  readonly headRecipe?: HeadRecipe | undefined;
  readonly lifeDays?: number | undefined;
  readonly egressContractVersion?: number | undefined;
  /** Words to show for labels, by slug. */
  readonly words?: Readonly<Record<string, string>> | undefined;
  /** The sequence of the release to fall back to. */
  readonly fallback?: number | undefined;
  /** Without one the lineage is read from the folder's records. */
  readonly lineage?: Lineage | undefined;
  /** In bytes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An interrupted publication can be repeated: uploaded chunks stay, and a published version is answered as it is. */
export async function publishFolder(access: ServerAccess, input: PublishFolder) {
  const { folder, onProgress, lineage = await readLineage(input.folder), ...release } = input;
  const files: ReleaseFile[] = [];
  const chunks = new Map<string, Chunk>();
  for (const name of releaseFileNames) {
    const split = splitFile(name, await readExtractorFile(folder, name));
    files.push(split.file);
    for (const chunk of split.chunks) chunks.set(chunk.sha256, chunk);
  }
  const totalBytes = [...chunks.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  let doneBytes = 0;
  for (const chunk of chunks.values()) {
    onProgress?.(doneBytes, totalBytes);
    await upload(access, chunk);
    doneBytes += chunk.bytes.length;
  }
  onProgress?.(doneBytes, totalBytes);
  return askServer(access, (client) => client.release.publish.mutate({ ...release, files, lineage }));
}

async function readExtractorFile(folder: string, name: ReleaseFileName): Promise<Uint8Array> {
  const path = join(folder, name);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new AppError("INVALID_EXTRACTOR", unreadable(path, cause as NodeJS.ErrnoException), { cause });
  }
  if (bytes.length === 0) throw new AppError("INVALID_EXTRACTOR", `${path} is empty`);
  return bytes;
}

function unreadable(path: string, { code }: NodeJS.ErrnoException): string {
  if (code !== "ENOENT") return `${path} cannot be read (${code})`;
  return `there is no ${path}; name the folder that attune extractor freeze wrote, or assets/extractor of the repository`;
}

async function upload({ httpUrl, adminToken }: ServerAccess, { sha256, bytes }: Chunk): Promise<void> {
  const url = `${httpUrl}${chunkPath(sha256)}`;
  try {
    if ((await fetch(url, { method: "HEAD" })).ok) return;
    const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/octet-stream" };
    const response = await fetch(url, { method: "PUT", headers, body: new Uint8Array(bytes) });
    if (!response.ok) throw await uploadFault(response);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("SERVER_UNAVAILABLE", `the server at ${httpUrl} does not answer`, { cause });
  }
}

const faultSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

async function uploadFault(response: Response): Promise<AppError> {
  const parsed = faultSchema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success && isErrorCode(parsed.data.error.code)) {
    return new AppError(parsed.data.error.code, parsed.data.error.message);
  }
  return new AppError("SERVER_UNAVAILABLE", `uploading a chunk was answered with status ${response.status}`);
}
