// Looks for all that the agent needs of a browser before anything is typed into it. The judgement is a function of the
// findings alone.

import { hasRelaxedSimd } from "@attune/ml/engine/wasm-engine";
import { utf8 } from "@attune/shared/encoding";
import { answerOf, openWebDatabase } from "./database.js";
import { roomLeft } from "./indexed-files.js";

/** False, or undefined for a number, means that the browser lacks it or that the attempt failed. */
export interface Findings {
  /** HTTPS, or the machine's own address. WebCrypto and Web Locks exist there alone. */
  readonly secureContext: boolean;
  readonly webLocks: boolean;
  /** A strict write to IndexedDB was read back. */
  readonly strictWrite: boolean;
  /** A key that cannot be extracted was cloned into IndexedDB, read back, and opened what it had sealed. */
  readonly clonedKey: boolean;
  /** An Ed25519 key that cannot be extracted signed, and the signature verified. */
  readonly ed25519: boolean;
  readonly freeBytes: number | undefined;
  /** The browser keeps the data until the person deletes it. */
  readonly persisted: boolean;
  readonly simd: "relaxed" | "plain" | "none";
}

/** Twice the bundled release and a person's records, so that an update fits beside the release that runs. */
export const neededBytes = 40_000_000;

interface Judgement {
  /** The agent cannot run without these. */
  readonly lacks: readonly string[];
  /** The agent runs without these, slower or less safely. */
  readonly warnings: readonly string[];
}

export function judge(findings: Findings): Judgement {
  const { secureContext, webLocks, strictWrite, clonedKey, ed25519, freeBytes, persisted, simd } = findings;
  // Outside of a secure context the rest is missing too, and naming it would hide the cause.
  if (!secureContext) return { lacks: ["a secure context: HTTPS, or this machine's own address"], warnings: [] };
  const lacks = [
    ...(webLocks ? [] : ["Web Locks, which keep two tabs apart"]),
    ...(strictWrite ? [] : ["durable writes to IndexedDB"]),
    ...(clonedKey ? [] : ["keys in IndexedDB that cannot be extracted"]),
    ...(ed25519 ? [] : ["Ed25519 in WebCrypto"]),
    ...(freeBytes !== undefined && freeBytes < neededBytes
      ? [`room: ${Math.floor(freeBytes / 1e6)} MB of ${neededBytes / 1e6} MB`]
      : []),
  ];
  const warnings = [
    ...(persisted ? [] : ["storage that the browser keeps when it needs room"]),
    ...(freeBytes === undefined ? ["a statement of the room that is left"] : []),
    ...(simd === "none" ? ["SIMD in WebAssembly"] : simd === "plain" ? ["relaxed SIMD in WebAssembly"] : []),
  ];
  return { lacks, warnings };
}

/** Leaves nothing behind: it writes into a database of its own, and deletes it. */
export async function probeBrowser(): Promise<Findings> {
  const secureContext = globalThis.isSecureContext;
  const stored = secureContext ? await tryStorage() : { strictWrite: false, clonedKey: false };
  return {
    secureContext,
    webLocks: "locks" in navigator,
    ...stored,
    ed25519: secureContext && (await succeeds(signs)),
    freeBytes: await roomLeft().catch(() => undefined),
    persisted: secureContext && (await succeeds(() => navigator.storage.persisted())),
    simd: simdHere(),
  };
}

async function succeeds(attempt: () => Promise<boolean>): Promise<boolean> {
  return attempt().catch(() => false);
}

const probeName = "attune probe";

async function tryStorage(): Promise<Pick<Findings, "strictWrite" | "clonedKey">> {
  try {
    const database = await openWebDatabase(probeName);
    const keep = async <T>(value: T): Promise<T> => {
      await database.write("keys", (keys) => answerOf(keys.put(value, "probe")));
      return database.read("keys", (keys) => answerOf<T>(keys.get("probe")));
    };
    const strictWrite = await succeeds(async () => (await keep("kept")) === "kept");
    const clonedKey = await succeeds(async () => opensWith(keep));
    database.close();
    return { strictWrite, clonedKey };
  } catch {
    return { strictWrite: false, clonedKey: false };
  } finally {
    indexedDB?.deleteDatabase(probeName);
  }
}

async function opensWith(keep: (key: CryptoKey) => Promise<CryptoKey>): Promise<boolean> {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const parameters = { name: "AES-GCM", iv: new Uint8Array(12) };
  const sealed = await crypto.subtle.encrypt(parameters, key, utf8("probe"));
  const read = await keep(key);
  const opened = await crypto.subtle.decrypt(parameters, read, sealed);
  return !read.extractable && new TextDecoder().decode(opened) === "probe";
}

async function signs(): Promise<boolean> {
  const algorithm = { name: "Ed25519" };
  const { privateKey, publicKey } = (await crypto.subtle.generateKey(algorithm, false, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const signature = await crypto.subtle.sign(algorithm, privateKey, utf8("probe"));
  return crypto.subtle.verify(algorithm, publicKey, signature, utf8("probe"));
}

/** The shortest module with a SIMD instruction. */
const simdProbe = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

function simdHere(): Findings["simd"] {
  if (typeof WebAssembly === "undefined") return "none";
  if (hasRelaxedSimd()) return "relaxed";
  return WebAssembly.validate(Uint8Array.from(simdProbe)) ? "plain" : "none";
}
