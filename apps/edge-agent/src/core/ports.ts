// The ports to the core's host (Node daemon, phone): one interface per port, each small enough to fake in a test.

import type { Engine } from "@attune/ml/engine/engine";
import type { ByteSource } from "@attune/ml/tensor/safetensors";
import type { Message, MessageType } from "@attune/shared/contracts/egress";
import type { ReportType } from "@attune/shared/contracts/report";
import type { VerifyEd25519 } from "@attune/shared/trust/keys";

declare const clearedBrand: unique symbol;

/**
 * A message that the egress gate let pass and whose journal entry is on the disk. Transports take nothing else, and
 * only egress/cleared.ts makes one, so nothing can leave the device by another way.
 */
export interface Cleared<T extends MessageType = MessageType> {
  readonly [clearedBrand]: T;
  readonly type: T;
  readonly message: Message<T>;
  /** The bytes on the wire: canonical JSON in UTF-8; for `download` the request's path, `/v1/<what>/<sha256>`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type StoreOperation =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: string };

/** Durable key-value store. Keys are short ASCII. Damage is reported as STORE_CORRUPT, no space as DISK_FULL. */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All or nothing, and on the disk (synced) when it resolves. */
  batch(operations: readonly StoreOperation[]): Promise<void>;
  /**
   * A batch that also takes the deleted and replaced bytes off the disk, as far as the storage lets a program do that.
   * It includes what was deleted before under the same parts (a key up to its first slash). A removal that fails now is
   * noted durably and done later.
   */
  erase(operations: readonly StoreOperation[]): Promise<void>;
  /** Every entry whose key starts with `prefix`, in the order of the keys. */
  entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]>;
}

/** A file as it was opened, whichever file takes its name meanwhile. */
export interface OpenFile extends ByteSource {
  close(): Promise<void>;
}

/** Files under the device's directory; paths are relative, with forward slashes. No space left is DISK_FULL. */
export interface Files {
  /** Throws NOT_FOUND where there is no such file. */
  read(path: string): Promise<Uint8Array>;
  /** Opens a file that is too large to hold in memory. Throws NOT_FOUND as `read` does. */
  open(path: string): Promise<OpenFile>;
  /** Temporary file, fsync, rename, fsync of the directory; makes missing directories. */
  writeDurably(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds at the end and syncs; makes the file and missing directories. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Size in bytes; undefined where there is no such file. */
  size(path: string): Promise<number | undefined>;
  truncate(path: string, sizeBytes: number): Promise<void>;
  /** Removes a file, or a directory with all it holds; a missing path is no error. */
  remove(path: string): Promise<void>;
  /** Bytes that may still be written; undefined where the host does not say. */
  freeBytes(): Promise<number | undefined>;
  /** Names of files and directories directly inside; empty where there is no such directory. */
  list(directory: string): Promise<string[]>;
}

/**
 * Authenticated encryption with the store's key. `context` is bound to the sealed bytes: under another
 * context they are refused.
 */
export interface Cipher {
  seal(plain: Uint8Array, context: string): Promise<Uint8Array>;
  /** Throws STORE_CORRUPT when the bytes were changed or sealed for another context or key. */
  open(sealed: Uint8Array, context: string): Promise<Uint8Array>;
}

export interface Hashing {
  /** Lower-case hexadecimal. */
  sha256(bytes: Uint8Array): Promise<string>;
  /** The digest of all bytes of a source, which are not in memory at once. */
  sha256Of(source: ByteSource): Promise<string>;
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  /** Keyed hash (HMAC-SHA-256 under a key derived from the store's) in lower-case hexadecimal. */
  keyedHash(context: string): Promise<string>;
  /** Ed25519, raw 32-byte public key and 64-byte signature. */
  readonly verifyEd25519: VerifyEd25519;
}

/** The device's nkey. The seed never leaves the adapter. */
export interface DeviceKey {
  /** Returns the public half (`U…`), made on the first call and the same ever after. */
  create(): Promise<string>;
  /**
   * Returns 64 bytes. The key signs what `signedBytes` makes and nothing else, so that nobody
   * outside chooses the bytes.
   */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * tRPC. Resolves to the reply's JSON value, unchecked; the core parses it. Throws
 * AppError, SERVER_UNAVAILABLE when offline.
 */
export interface ControlTransport {
  /**
   * `proof`: base64 of the new key's signature over the message under its prefix.
   * Sends {message: cleared.message, proof}.
   */
  enrol(cleared: Cleared<"enrol">, proof: string, signal: AbortSignal): Promise<unknown>;
  /**
   * `signature`: base64 of the device key's signature over the poll. Sends {version:
   * 2, message: cleared.message, signature}.
   */
  poll(cleared: Cleared<"poll">, signature: string, signal: AbortSignal): Promise<unknown>;
}

export interface DownloadReply {
  /** 200 (the whole body), 206 (from the offset on), 416, 404, … : the adapter interprets no status. */
  readonly status: number;
  /** Size of the whole resource as the server declares it (content-range's total or content-length), where it does. */
  readonly totalBytes: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * HTTPS GET of `cleared.bytes` (a path), with `Range: bytes=<offset>-` where `cleared.message.offset`
 * > 0. No compression.
 */
export interface DownloadTransport {
  get(cleared: Cleared<"download">, signal: AbortSignal): Promise<DownloadReply>;
}

export interface ReportCredentials {
  readonly urls: readonly string[];
  readonly userJwt: string;
  readonly device: string;
  readonly fleet: string;
}

export interface ReportConnection {
  /**
   * Publishes `cleared.bytes`; resolves when the stream has acknowledged (PubAck). Several may be under way at once.
   */
  publish(
    cleared: Cleared<ReportType>,
    route: { subject: string; messageId: string },
    signal: AbortSignal,
  ): Promise<void>;
  close(): Promise<void>;
}

/** NATS. One attempt to connect per call: the core repeats, with back-off, for ever. */
export interface ReportTransport {
  connect(credentials: ReportCredentials, signal: AbortSignal): Promise<ReportConnection>;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. It may be wrong and may jump. */
  nowMs(): number;
  /** Never runs backwards; fractions of a millisecond; for durations only. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). `ms` 0 lets other work run. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Fields hold numbers, codes and ids; never anything a person said. */
export type Log = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, string | number>>,
) => void;

export interface Ports {
  readonly store: Store;
  readonly files: Files;
  readonly cipher: Cipher;
  readonly hashing: Hashing;
  readonly deviceKey: DeviceKey;
  readonly control: ControlTransport;
  readonly downloads: DownloadTransport;
  readonly reports: ReportTransport;
  readonly clock: Clock;
  readonly log: Log;
  /** The engine that computes features here, and why this one (for `status`). */
  readonly engine: Engine;
  readonly engineChoice: () => string;
}
