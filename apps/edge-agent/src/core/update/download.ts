// Fetches a release, chunk by chunk: resumable, bounded, every chunk checked before it joins its file.

import type { BackoffRange } from "@attune/shared/backoff";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { ReleaseFile } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import { createBackoff } from "../concurrency/backoff.js";
import { childController, withTimeout } from "../concurrency/timeout.js";
import type { Egress } from "../egress/egress.js";
import type { Clock, DownloadReply, DownloadTransport, Files, Hashing, Log } from "../ports.js";
import { slotDirectory, slotFile } from "./slots.js";

/** A manifest of the largest release that a device would take stays far below this. */
const manifestLimitBytes = 4_194_304;
/** The contract lets an interrupted download resume from multiples of this only. */
const resumeStepBytes = 4_096;
/** The server may break its promise about a piece this often before the release is given up. */
const maximumFaults = 3;

export interface DownloadParts {
  readonly egress: Pick<Egress, "send">;
  readonly downloads: DownloadTransport;
  readonly files: Files;
  readonly hashing: Hashing;
  readonly clock: Clock;
  readonly log: Log;
  readonly backoff: BackoffRange;
  /** How long a request may take without a byte arriving. */
  readonly requestTimeoutMs: number;
}

interface Piece {
  readonly what: "manifests" | "chunks";
  readonly sha256: string;
  /** Exact size of a chunk; a manifest has only a limit. */
  readonly sizeBytes: number | undefined;
  /** The path that keeps an interrupted piece. */
  readonly partialPath: string | undefined;
}

type Attempt =
  | { readonly kind: "complete"; readonly bytes: Uint8Array }
  | { readonly kind: "interrupted"; readonly bytes: Uint8Array }
  | { readonly kind: "fault"; readonly reason: UpdateReason; readonly detail: string };

export interface Downloader {
  manifest(sha256: string, signal: AbortSignal): Promise<Result<Uint8Array, UpdateReason>>;
  /** Appends what is missing of `file` to the slot. An abort results in `network`, and the next call resumes. */
  file(sequence: number, file: ReleaseFile, signal: AbortSignal): Promise<Result<void, UpdateReason>>;
}

export function createDownloader(parts: DownloadParts): Downloader {
  const { egress, downloads, files, hashing, clock, log, requestTimeoutMs } = parts;

  /** Fetches until the piece is whole, the server proves unfit, or `signal` aborts. Network trouble alone never gives up. */
  async function fetchPiece(piece: Piece, signal: AbortSignal): Promise<Result<Uint8Array, UpdateReason>> {
    const backoff = createBackoff({ clock, hashing, range: parts.backoff });
    let bytes = await restore(piece);
    let faults = 0;
    while (!signal.aborted) {
      const attempt = await tryOnce(piece, bytes, signal);
      if (attempt.kind === "complete") {
        if ((await hashing.sha256(attempt.bytes)) === piece.sha256) return accept(attempt.bytes);
      }
      if (attempt.kind === "interrupted") {
        if (attempt.bytes.length > bytes.length) backoff.reset();
        bytes = attempt.bytes;
        if (piece.partialPath !== undefined && bytes.length > 0) await files.writeDurably(piece.partialPath, bytes);
      } else {
        faults++;
        bytes = new Uint8Array(0);
        if (piece.partialPath !== undefined) await files.remove(piece.partialPath);
        const [reason, detail] =
          attempt.kind === "fault"
            ? ([attempt.reason, attempt.detail] as const)
            : (["digestMismatch", `${piece.what} ${piece.sha256} arrived with another content`] as const);
        log("warn", "download.fault", { sha256: piece.sha256, reason, faults });
        if (faults >= maximumFaults) return refuse(reason, detail);
      }
      if (!signal.aborted) await backoff.pause(signal);
    }
    return refuse("network", "the download was interrupted");
  }

  async function restore({ partialPath, sizeBytes }: Piece): Promise<Uint8Array> {
    if (partialPath === undefined || (await files.size(partialPath)) === undefined) return new Uint8Array(0);
    return (await files.read(partialPath)).subarray(0, sizeBytes);
  }

  async function tryOnce(piece: Piece, have: Uint8Array, signal: AbortSignal): Promise<Attempt> {
    if (have.length === piece.sizeBytes) return { kind: "complete", bytes: have };
    const offset = have.length - (have.length % resumeStepBytes);
    const { controller: request, release } = childController(signal);
    let kept = have.subarray(0, offset);
    try {
      const { what, sha256 } = piece;
      const reply = await inTime(
        egress.send("download", { what, sha256, offset }, (cleared) => downloads.get(cleared, request.signal)),
        signal,
      );
      if (reply.status === 416) return { kind: "fault", reason: "sizeMismatch", detail: `${sha256}: 416` };
      if (reply.status !== 200 && reply.status !== 206) return { kind: "interrupted", bytes: kept };
      // A server that ignores Range sends everything from the start.
      if (reply.status === 200) kept = new Uint8Array(0);
      return await receive(piece, { reply, kept, signal });
    } catch (error) {
      if (error instanceof AppError && (error.code === "DISK_FULL" || error.code === "STORE_CORRUPT")) throw error;
      const code = error instanceof AppError ? error.code : "SERVER_UNAVAILABLE";
      log("info", "download.interrupted", { sha256: piece.sha256, code });
      return { kind: "interrupted", bytes: kept };
    } finally {
      release();
      request.abort();
    }
  }

  interface Receiving {
    readonly reply: DownloadReply;
    readonly kept: Uint8Array;
    readonly signal: AbortSignal;
  }

  async function receive(piece: Piece, { reply, kept, signal }: Receiving): Promise<Attempt> {
    const { sizeBytes, sha256 } = piece;
    const limit = sizeBytes ?? manifestLimitBytes;
    const { totalBytes } = reply;
    if (totalBytes !== undefined && (sizeBytes === undefined ? totalBytes > limit : totalBytes !== sizeBytes)) {
      return { kind: "fault", reason: "sizeMismatch", detail: `${sha256}: ${totalBytes} bytes announced` };
    }
    const parts = [kept];
    let length = kept.length;
    const body = reply.body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await inTime(body.next(), signal);
        if (next.done === true) break;
        length += next.value.length;
        if (length > limit)
          return { kind: "fault", reason: "sizeMismatch", detail: `${sha256}: more than ${limit} bytes` };
        parts.push(next.value);
      }
    } catch {
      return { kind: "interrupted", bytes: concatenate(parts) };
    } finally {
      void body.return?.()?.catch(() => undefined);
    }
    const whole = sizeBytes ?? totalBytes;
    const bytes = concatenate(parts);
    return { kind: whole === undefined || length === whole ? "complete" : "interrupted", bytes };
  }

  /** A silent server must not hold the download. */
  function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return withTimeout(() => work, { clock, timeoutMs: requestTimeoutMs, signal });
  }

  async function fetchFile(
    sequence: number,
    file: ReleaseFile,
    signal: AbortSignal,
  ): Promise<Result<void, UpdateReason>> {
    const path = slotFile(sequence, file.name);
    let position = await wholeChunks(path, file);
    let end = 0;
    for (const chunk of file.chunks) {
      end += chunk.sizeBytes;
      if (end <= position) continue;
      const partialPath = `${slotDirectory(sequence)}/${chunk.sha256}.partial`;
      const { sha256, sizeBytes } = chunk;
      const bytes = await fetchPiece({ what: "chunks", sha256, sizeBytes, partialPath }, signal);
      if (!bytes.ok) return bytes;
      await files.append(path, bytes.value);
      await files.remove(partialPath);
      position = end;
    }
    return accept(undefined);
  }

  /** How many bytes of whole chunks the file has; half a chunk, from a crash while appending, is cut off. */
  async function wholeChunks(path: string, file: ReleaseFile): Promise<number> {
    const size = await files.size(path);
    if (size === undefined) return 0;
    let whole = 0;
    for (const chunk of file.chunks) {
      if (whole + chunk.sizeBytes > size) break;
      whole += chunk.sizeBytes;
    }
    if (whole !== size) await files.truncate(path, whole);
    return whole;
  }

  return {
    manifest: (sha256, signal) =>
      fetchPiece({ what: "manifests", sha256, sizeBytes: undefined, partialPath: undefined }, signal),
    file: fetchFile,
  };
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
