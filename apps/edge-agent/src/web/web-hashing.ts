// Digests and randomness from WebCrypto. Its digest takes all bytes at once, so the digest of a large source is
// computed by @noble/hashes, piece by piece.

import type { ByteSource } from "@attune/ml/tensor/safetensors";
import { toHex, utf8 } from "@attune/shared/encoding";
import type { VerifyEd25519 } from "@attune/shared/trust/keys";
import { sha256 as sha256Pieces } from "@noble/hashes/sha2.js";
import type { Hashing } from "../core/ports.js";

/** Large enough that the calls cost nothing beside the hashing. */
const bufferBytes = 262_144;

export function createWebHashing(key: CryptoKey): Hashing {
  return {
    sha256: async (bytes) => toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)))),
    sha256Of: async (source) => sha256Of(source),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    keyedHash: async (context) => toHex(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(context)))),
    verifyEd25519,
  };
}

function sha256Of({ sizeBytes, read }: ByteSource): string {
  const hash = sha256Pieces.create();
  const part = new Uint8Array(Math.min(bufferBytes, sizeBytes));
  for (let offset = 0; offset < sizeBytes; offset += part.length) {
    const bytes = part.subarray(0, sizeBytes - offset);
    read(offset, bytes);
    hash.update(bytes);
  }
  return toHex(hash.digest());
}

const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) => {
  try {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(publicKey), { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, new Uint8Array(signature), new Uint8Array(message));
  } catch {
    return false;
  }
};
