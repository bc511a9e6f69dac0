// Seals what is kept about the person: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2). The context is
// additional data, so that a sealed value moved to another key of the store does not open.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AppError } from "@attune/shared/errors";
import type { Cipher } from "../core/ports.js";
import { plainBytes } from "./plain-bytes.js";

const algorithm = "aes-256-gcm";
const formatVersion = 1;
export const keySizeBytes = 32;
const nonceSizeBytes = 12;
const tagSizeBytes = 16;
const overheadBytes = 1 + nonceSizeBytes + tagSizeBytes;

/** Sealed form: version (1 byte), nonce (12), ciphertext, tag (16). */
export function createAesCipher(key: Uint8Array): Cipher {
  if (key.length !== keySizeBytes) {
    throw new AppError("STORE_CORRUPT", `the store's key has ${key.length} bytes instead of ${keySizeBytes}`);
  }
  return {
    seal: async (plain, context) => {
      const nonce = randomBytes(nonceSizeBytes);
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagSizeBytes });
      cipher.setAAD(Buffer.from(context, "utf8"));
      const body = [cipher.update(plain), cipher.final()];
      return plainBytes(Buffer.concat([Buffer.of(formatVersion), nonce, ...body, cipher.getAuthTag()]));
    },
    open: async (sealed, context) => {
      if (sealed.length < overheadBytes || sealed[0] !== formatVersion) throw unreadable(context);
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(1, 1 + nonceSizeBytes), {
        authTagLength: tagSizeBytes,
      });
      decipher.setAAD(Buffer.from(context, "utf8"));
      decipher.setAuthTag(sealed.subarray(sealed.length - tagSizeBytes));
      try {
        const body = decipher.update(sealed.subarray(1 + nonceSizeBytes, sealed.length - tagSizeBytes));
        return plainBytes(Buffer.concat([body, decipher.final()]));
      } catch (cause) {
        throw unreadable(context, cause);
      }
    },
  };
}

function unreadable(context: string, cause?: unknown): AppError {
  return new AppError("STORE_CORRUPT", `the sealed value of ${context} does not open with this device's key`, {
    cause,
  });
}
