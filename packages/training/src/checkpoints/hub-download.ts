// Downloads a checkpoint from the Hugging Face hub, or a server with its layout: pinned to one commit, resumed, and
// checked against the hub's hashes.

import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { renameDurablySync } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { backoffMs } from "@attune/shared/backoff";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { tokenizerFileNames } from "./checkpoint-tokenizer.js";
import { inFile, readShardIndex, weightFileNames } from "./checkpoint-weights.js";
import { createHubClient, type HubClient, type HubOptions } from "./hub-client.js";

interface HubReference {
  /** The repository as owner/name. */
  readonly repository: string;
  /** A branch, tag or commit. */
  readonly revision: string;
}

interface DownloadOptions extends HubOptions {
  /** The folder of the files; files that lie there already are resumed. */
  readonly directory: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Attempts without a new byte before the download fails; default 5. */
  readonly attempts?: number;
  /** The pause before the second attempt; it doubles with each further one. Default 500. */
  readonly retryDelayMs?: number;
}

interface DownloadProgress {
  readonly name: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** `owner/name` or `owner/name@revision`. Throws INVALID_INPUT. */
export function parseHubReference(text: string): HubReference {
  const match = /^([A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9_][\w.-]{0,95})(?:@([\w][\w./-]{0,199}))?$/.exec(text);
  if (match === null || text.includes("..")) {
    throw new AppError("INVALID_INPUT", "a model on the hub is named hf:owner/name or hf:owner/name@revision");
  }
  return { repository: match[1]!, revision: match[2] ?? "main" };
}

/**
 * Returns the commit. Throws NOT_FOUND, INVALID_CHECKPOINT (not a checkpoint we read) or
 * DOWNLOAD_FAILED, naming the file.
 */
export async function downloadCheckpoint(reference: HubReference, options: DownloadOptions): Promise<string> {
  const client = createHubClient(reference.repository, options);
  const { commit, names } = await listFiles(client, reference, options);
  const has = (name: string) => names.includes(name);
  const weights = weightFileNames.find(has);
  const where = `${reference.repository}@${reference.revision}`;
  if (weights === undefined || !has("config.json")) {
    const missing = weights === undefined ? `none of ${weightFileNames.join(", ")}` : "no config.json";
    throw new AppError("INVALID_CHECKPOINT", `hf:${where} holds ${missing}`);
  }
  mkdirSync(options.directory, { recursive: true });
  const fetchFile = (name: string) => downloadFile(client, { ...options, commit, name });
  // The publisher's README.md names the licence.
  const named = ["config.json", ...tokenizerFileNames, "README.md"].filter(has);
  for (const name of [...named, weights]) await fetchFile(name);
  if (weights.endsWith(".index.json")) {
    const path = join(options.directory, weights);
    const shards = new Set(inFile(path, () => readShardIndex(readFileSync(path, "utf8"))).values());
    for (const name of shards) await fetchFile(name);
  }
  return commit;
}

const listingSchema = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.looseObject({ rfilename: z.string() })),
});

async function listFiles(client: HubClient, { repository, revision }: HubReference, options: DownloadOptions) {
  const path = `/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  const text = await retrying({ ...options, name: client.endpoint }, () => client.getText(path));
  const parsed = listingSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new AppError("DOWNLOAD_FAILED", `${client.endpoint}: its list of ${repository}'s files is not the hub's`);
  }
  return { commit: parsed.data.sha, names: parsed.data.siblings.map(({ rfilename }) => rfilename) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface FileInput extends DownloadOptions {
  readonly commit: string;
  readonly name: string;
}

interface RemoteFile {
  readonly name: string;
  /** The path on the hub. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 40 hexadecimal digits are git's SHA-1 of the blob; 64 are SHA-256. */
  readonly hash: string;
}

const maxTextBytes = 256 * 2 ** 20;

async function downloadFile(client: HubClient, input: FileInput): Promise<void> {
  const { name, commit, directory } = input;
  const path = `/${client.repository}/resolve/${commit}/${encodeURIComponent(name)}`;
  const target = join(directory, name);
  const remote: RemoteFile = { name, path, ...(await retrying(input, () => client.describe(path, name))) };
  if (remote.sizeBytes > maxTextBytes && /\.(json|txt|md)$/.test(name)) {
    throw new AppError("INVALID_CHECKPOINT", `${name}: ${remote.sizeBytes} bytes are no text file of a checkpoint`);
  }
  if (isPresentSync(target) && (await hashOf(target, remote)) === remote.hash) return;
  // The hash in the name keeps a part of another version from being resumed.
  const partial = join(directory, `${name}.${remote.hash}.part`);
  let resumed = isPresentSync(partial);
  for (;;) {
    await retrying(input, () => fetchRest(client, { remote, partial, input }), partial);
    const found = await hashOf(partial, remote);
    if (found === remote.hash) break;
    rmSync(partial);
    // A resumed part may have been damaged on this disk; bytes of this run are as the hub sent them.
    if (!resumed) {
      throw new AppError("DOWNLOAD_FAILED", `${name} has the hash ${found} where the hub names ${remote.hash}`);
    }
    resumed = false;
  }
  renameDurablySync(partial, target);
}

interface Transfer {
  readonly remote: RemoteFile;
  readonly partial: string;
  readonly input: FileInput;
}

/** Appends the missing bytes. Throws a retryable error when the connection ends before the last byte. */
async function fetchRest(client: HubClient, { remote, partial, input }: Transfer): Promise<void> {
  let done = sizeOf(partial);
  if (done > remote.sizeBytes) {
    rmSync(partial);
    done = 0;
  }
  if (done === remote.sizeBytes && done > 0) return;
  const body = await client.openBody(remote.path, { name: remote.name, from: done });
  const file = await open(partial, body.from === 0 ? "w" : "a");
  done = body.from;
  try {
    for await (const chunk of body.chunks) {
      done += chunk.length;
      if (done > remote.sizeBytes) {
        throw new AppError("DOWNLOAD_FAILED", `${remote.name}: more than its ${remote.sizeBytes} bytes were sent`);
      }
      await file.write(chunk);
      input.onProgress?.({ name: remote.name, doneBytes: done, totalBytes: remote.sizeBytes });
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (done < remote.sizeBytes) throw new Error(`the connection ended after ${done} of ${remote.sizeBytes} bytes`);
}

/** Retries after a fault that may pass, with growing pauses; an attempt that brought bytes is not counted. */
async function retrying<T>(
  input: DownloadOptions & { name: string },
  act: () => Promise<T>,
  partial?: string,
): Promise<T> {
  const { attempts = 5, retryDelayMs = 500, name } = input;
  for (let attempt = 1; ; attempt++) {
    const before = partial === undefined ? 0 : sizeOf(partial);
    try {
      return await act();
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (partial !== undefined && sizeOf(partial) > before) attempt = 0;
      if (attempt >= attempts) {
        throw new AppError("DOWNLOAD_FAILED", `${name}: ${(error as Error).message}`, { cause: error });
      }
      await sleep(backoffMs(attempt, { minMs: retryDelayMs, maxMs: maxRetryDelayMs }));
    }
  }
}

const maxRetryDelayMs = 30_000;

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function hashOf(path: string, { hash }: RemoteFile): Promise<string> {
  const digest = createHash(hash.length === 64 ? "sha256" : "sha1");
  if (hash.length === 40) digest.update(`blob ${sizeOf(path)}\0`);
  for await (const chunk of createReadStream(path)) digest.update(chunk as Uint8Array);
  return digest.digest("hex");
}
