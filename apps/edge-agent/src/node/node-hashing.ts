// Digests and randomness from Node's own cryptography.

import { createHash, createHmac, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import type { ByteSource } from "@attune/ml/tensor/safetensors";
import type { VerifyEd25519 } from "@attune/shared/trust/keys";
import type { Hashing } from "../core/ports.js";

/** `storeKey` is the device's secret: without it no result of keyedHash can be computed, or tied to a context. */
export function createNodeHashing(storeKey: Uint8Array): Hashing {
  // RFC 5869: a derived key for this purpose alone, so that the cipher's key has one use.
  const hashKey = Buffer.from(hkdfSync("sha256", storeKey, new Uint8Array(0), "attune keyed hash v1", 32));
  return {
    sha256: async (bytes) => createHash("sha256").update(bytes).digest("hex"),
    sha256Of: async (source) => sha256Of(source),
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    keyedHash: async (context) => createHmac("sha256", hashKey).update(context, "utf8").digest("hex"),
    verifyEd25519,
  };
}

/** Large enough that the calls cost nothing beside the hashing. */
const bufferBytes = 262_144;

function sha256Of({ sizeBytes, read }: ByteSource): string {
  const hash = createHash("sha256");
  const part = new Uint8Array(Math.min(bufferBytes, sizeBytes));
  for (let offset = 0; offset < sizeBytes; offset += part.length) {
    const bytes = part.subarray(0, sizeBytes - offset);
    read(offset, bytes);
    hash.update(bytes);
  }
  return hash.digest("hex");
}

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 raw bytes of the key follow. */
const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");

const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) => {
  try {
    const der = Buffer.concat([ed25519Prefix, publicKey]);
    return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
  } catch {
    return false;
  }
};
