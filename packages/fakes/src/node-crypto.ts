// Hashing, cipher and device key over node:crypto. They are synchronous inside, and seeded where a
// test must repeat itself.

import * as crypto from "node:crypto";
import type { Cipher, DeviceKey, Hashing } from "@attune/edge-agent/core/ports";
import { AppError } from "@attune/shared/errors";
import type { VerifyEd25519 } from "@attune/shared/trust/keys";

export const sha256Hex = (bytes: Uint8Array): string => crypto.createHash("sha256").update(bytes).digest("hex");

/** Random bytes that repeat with `seed`, made by a hash chain. */
function seededBytes(seed: string): (length: number) => Uint8Array<ArrayBuffer> {
  let block = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const digest = crypto.createHash("sha256").update(`${seed}/${block++}`).digest();
      bytes.set(digest.subarray(0, Math.min(32, length - at)), at);
    }
    return bytes;
  };
}

export const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) => {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = crypto.createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return crypto.verify(null, message, key, signature);
};

export function createTestHashing(seed: string): Hashing {
  return {
    sha256: async (bytes) => sha256Hex(bytes),
    async sha256Of({ sizeBytes, read }) {
      const bytes = new Uint8Array(sizeBytes);
      read(0, bytes);
      return sha256Hex(bytes);
    },
    randomBytes: seededBytes(seed),
    keyedHash: async (context) => crypto.createHmac("sha256", "a test's key").update(context).digest("hex"),
    verifyEd25519,
  };
}

export function createTestCipher(key: Uint8Array = new Uint8Array(32).fill(7)): Cipher {
  return {
    async seal(plain, context) {
      const nonce = crypto.randomBytes(12);
      const cipher = crypto.createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
      return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
    },
    async open(sealed, context) {
      const bytes = Buffer.from(sealed);
      try {
        const decipher = crypto
          .createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12))
          .setAAD(Buffer.from(context))
          .setAuthTag(bytes.subarray(-16));
        return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]));
      } catch (cause) {
        throw new AppError("STORE_CORRUPT", "sealed bytes were changed", { cause });
      }
    },
  };
}

export function createTestDeviceKey(): DeviceKey {
  return {
    create: async () => `U${"A".repeat(55)}`,
    sign: async (bytes) => new Uint8Array(crypto.createHash("sha512").update(bytes).digest()),
  };
}

export interface SigningKey {
  readonly keyId: string;
  /** base64 of 32 bytes */
  readonly publicKey: string;
  /** base64 of 64 bytes */
  sign(message: Uint8Array): string;
}

export function createSigningKey(): SigningKey {
  const pair = crypto.generateKeyPairSync("ed25519");
  const raw = Buffer.from((pair.publicKey.export({ format: "jwk" }) as { x: string }).x, "base64url");
  return {
    keyId: sha256Hex(raw).slice(0, 16),
    publicKey: raw.toString("base64"),
    sign: (message) => crypto.sign(null, message, pair.privateKey).toString("base64"),
  };
}
