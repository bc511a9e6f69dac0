// Seals what is kept about the person by WebCrypto: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2),
// in the form that the daemon writes.

import { utf8 } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import type { Cipher } from "../core/ports.js";

const formatVersion = 1;
const nonceSizeBytes = 12;
const tagSizeBytes = 16;
const overheadBytes = 1 + nonceSizeBytes + tagSizeBytes;

/** Sealed form: version (1 byte), nonce (12), ciphertext, tag (16). */
export function createWebCipher(key: CryptoKey): Cipher {
  return {
    async seal(plain, context) {
      const iv = crypto.getRandomValues(new Uint8Array(nonceSizeBytes));
      const parameters = { name: "AES-GCM", iv, additionalData: utf8(context) };
      const body = new Uint8Array(await crypto.subtle.encrypt(parameters, key, new Uint8Array(plain)));
      const sealed = new Uint8Array(1 + nonceSizeBytes + body.length);
      sealed.set([formatVersion, ...iv]);
      sealed.set(body, 1 + nonceSizeBytes);
      return sealed;
    },
    async open(sealed, context) {
      if (sealed.length < overheadBytes || sealed[0] !== formatVersion) throw unreadable(context);
      const iv = sealed.slice(1, 1 + nonceSizeBytes);
      const parameters = { name: "AES-GCM", iv, additionalData: utf8(context) };
      try {
        return new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealed.slice(1 + nonceSizeBytes)));
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
