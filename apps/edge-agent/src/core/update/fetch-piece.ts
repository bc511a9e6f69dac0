// Fetches one piece of a release: a manifest or a chunk. It resumes where it was interrupted, is bounded, and is
// checked by its digest.

import type { BackoffRange } from "@attune/shared/backoff";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { Contracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import { createBackoff } from "../concurrency/backoff.js";
import { childController, withTimeout } from "../concurrency/timeout.js";
import type { Egress } from "../egress/egress.js";
import type { Clock, DownloadReply, DownloadTransport, Files, Hashing, Log } from "../ports.js";

/** A manifest of the largest release that a device would take stays far below this. */
const manifestLimitBytes = 4_194_304;
/**
 * Contract 1 lets an interrupted download resume from multiples of this; later versions fetch the whole piece again.
 */
const resumeStepBytes = 4_096;
/** The server may break its promise about a piece this often before the release is given up. */
const maxFaults = 3;

export interface DownloadParts {
  readonly egress: Pick<Egress, "send" | "contract">;
  readonly contracts: Pick<Contracts, "declaration">;
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

/**
 * Fetches until the piece is whole, the server proves unfit, or `signal` aborts. Network trouble alone never gives up.
 */
export async function fetchPiece(
  parts: DownloadParts,
  piece: Piece,
  signal: AbortSignal,
): Promise<Result<Uint8Array, UpdateReason>> {
  const { files, hashing, clock, log } = parts;
  const { partialPath, sha256 } = piece;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  let bytes = await readPartial(files, piece);
  let faults = 0;
  while (!signal.aborted) {
    const attempt = await checkDigest(hashing, piece, await tryOnce(parts, piece, { have: bytes, signal }));
    if (attempt.kind === "complete") return accept(attempt.bytes);
    if (attempt.kind === "interrupted") {
      if (attempt.bytes.length > bytes.length) backoff.reset();
      bytes = attempt.bytes;
      if (partialPath !== undefined && bytes.length > 0) await files.writeDurably(partialPath, bytes);
    } else {
      faults++;
      bytes = new Uint8Array(0);
      if (partialPath !== undefined) await files.remove(partialPath);
      log("warn", "download.fault", { sha256, reason: attempt.reason, faults });
      if (faults >= maxFaults) return refuse(attempt.reason, attempt.detail);
    }
    if (!signal.aborted) await backoff.pause(signal);
  }
  return refuse("network", "the download was interrupted");
}

/** The attempt, or a fault where a complete piece is another piece. */
async function checkDigest(hashing: Hashing, { what, sha256 }: Piece, attempt: Attempt): Promise<Attempt> {
  if (attempt.kind !== "complete" || (await hashing.sha256(attempt.bytes)) === sha256) return attempt;
  return { kind: "fault", reason: "digestMismatch", detail: `${what} ${sha256} arrived with another content` };
}

async function readPartial(files: Files, { partialPath, sizeBytes }: Piece): Promise<Uint8Array> {
  if (partialPath === undefined || (await files.size(partialPath)) === undefined) return new Uint8Array(0);
  return (await files.read(partialPath)).subarray(0, sizeBytes);
}

interface Try {
  /** The bytes of an earlier attempt. */
  readonly have: Uint8Array;
  readonly signal: AbortSignal;
}

async function tryOnce(parts: DownloadParts, piece: Piece, { have, signal }: Try): Promise<Attempt> {
  if (have.length === piece.sizeBytes) return { kind: "complete", bytes: have };
  const { egress, contracts, downloads, log } = parts;
  const { what, sha256 } = piece;
  const resumes = contracts.declaration(egress.contract, "download")?.fields.offset !== undefined;
  const offset = resumes ? have.length - (have.length % resumeStepBytes) : 0;
  const { controller: request, detach } = childController(signal);
  let kept = have.subarray(0, offset);
  try {
    const asked = egress.send("download", { what, sha256, ...(resumes && { offset }) }, (cleared) =>
      downloads.get(cleared, request.signal),
    );
    const reply = await inTime(parts, asked, signal);
    if (reply.status === 416) return { kind: "fault", reason: "sizeMismatch", detail: `${sha256}: 416` };
    if (reply.status !== 200 && reply.status !== 206) return { kind: "interrupted", bytes: kept };
    // A server that ignores Range sends everything from the start.
    if (reply.status === 200) kept = new Uint8Array(0);
    return await receive(parts, piece, { reply, kept, signal });
  } catch (error) {
    if (error instanceof AppError && (error.code === "DISK_FULL" || error.code === "STORE_CORRUPT")) throw error;
    const code = error instanceof AppError ? error.code : "SERVER_UNAVAILABLE";
    log("info", "download.interrupted", { sha256, code });
    return { kind: "interrupted", bytes: kept };
  } finally {
    detach();
    request.abort();
  }
}

interface Receiving {
  readonly reply: DownloadReply;
  readonly kept: Uint8Array;
  readonly signal: AbortSignal;
}

async function receive(parts: DownloadParts, piece: Piece, { reply, kept, signal }: Receiving): Promise<Attempt> {
  const { sizeBytes, sha256 } = piece;
  const limit = sizeBytes ?? manifestLimitBytes;
  const { totalBytes } = reply;
  const wrongSize = (detail: string): Attempt => ({
    kind: "fault",
    reason: "sizeMismatch",
    detail: `${sha256}: ${detail}`,
  });
  if (totalBytes !== undefined && (sizeBytes === undefined ? totalBytes > limit : totalBytes !== sizeBytes)) {
    return wrongSize(`${totalBytes} bytes announced`);
  }
  const received = [kept];
  let length = kept.length;
  const body = reply.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(parts, body.next(), signal);
      if (next.done === true) break;
      length += next.value.length;
      if (length > limit) return wrongSize(`more than ${limit} bytes`);
      received.push(next.value);
    }
  } catch {
    return { kind: "interrupted", bytes: concatenate(received) };
  } finally {
    void body.return?.()?.catch(() => undefined);
  }
  const whole = sizeBytes ?? totalBytes;
  const bytes = concatenate(received);
  return { kind: whole === undefined || length === whole ? "complete" : "interrupted", bytes };
}

/** A silent server must not hold the download. */
function inTime<T>({ clock, requestTimeoutMs }: DownloadParts, work: Promise<T>, signal: AbortSignal): Promise<T> {
  return withTimeout(() => work, { clock, timeoutMs: requestTimeoutMs, signal });
}

function concatenate(arrays: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let position = 0;
  for (const array of arrays) {
    bytes.set(array, position);
    position += array.length;
  }
  return bytes;
}
