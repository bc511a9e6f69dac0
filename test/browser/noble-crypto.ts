// The fakes' cryptography where there is no node:crypto. The functions are the same and synchronous too, so that no
// virtual time passes in them. A bundle for a browser takes this file in place of node-crypto.ts.

import type { Cipher, DeviceKey, Hashing } from "@attune/edge-agent/core/ports";
import type { SigningKey } from "@attune/fakes/node-crypto";
import { toBase64, toHex } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import type { VerifyEd25519 } from "@attune/shared/trust/keys";
import { gcm } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";

const utf8 = (text: string) => new TextEncoder().encode(text);

export const sha256Hex = (bytes: Uint8Array): string => toHex(sha256(bytes));

export const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) =>
  ed25519.verify(signature, message, publicKey);

/** Random bytes that repeat with `seed`: a hash chain. */
function seededBytes(seed: string): (length: number) => Uint8Array<ArrayBuffer> {
  let block = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      bytes.set(sha256(utf8(`${seed}/${block++}`)).subarray(0, Math.min(32, length - at)), at);
    }
    return bytes;
  };
}

export function createTestHashing(seed: string): Hashing {
  return {
    sha256: async (bytes) => sha256Hex(bytes),
    async sha256Of({ sizeBytes, read }) {
      const bytes = new Uint8Array(sizeBytes);
      read(0, bytes);
      return sha256Hex(bytes);
    },
    randomBytes: seededBytes(seed),
    keyedHash: async (context) => toHex(hmac(sha256, utf8("a test's key"), utf8(context))),
    verifyEd25519,
  };
}

const nonceBytes = 12;

export function createTestCipher(key: Uint8Array = new Uint8Array(32).fill(7)): Cipher {
  return {
    async seal(plain, context) {
      const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
      return new Uint8Array([...nonce, ...gcm(key, nonce, utf8(context)).encrypt(plain)]);
    },
    async open(sealed, context) {
      try {
        return gcm(key, sealed.slice(0, nonceBytes), utf8(context)).decrypt(sealed.slice(nonceBytes));
      } catch (cause) {
        throw new AppError("STORE_CORRUPT", "sealed bytes were changed", { cause });
      }
    },
  };
}

export function createTestDeviceKey(): DeviceKey {
  return {
    create: async () => `U${"A".repeat(55)}`,
    sign: async (bytes) => new Uint8Array(sha512(bytes)),
  };
}

export function createSigningKey(): SigningKey {
  const { secretKey, publicKey } = ed25519.keygen();
  return {
    keyId: sha256Hex(publicKey).slice(0, 16),
    publicKey: toBase64(publicKey),
    sign: (message) => toBase64(ed25519.sign(message, secretKey)),
  };
}
