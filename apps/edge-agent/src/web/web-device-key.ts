// The device's key in a browser: an nkey (Ed25519) whose private half WebCrypto holds and gives to nobody.

import { challengePattern } from "@attune/shared/contracts/egress";
import { toBase64, utf8 } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import type { DeviceKey } from "../core/ports.js";
import type { WebDatabase } from "./database.js";
import { nkeyOf } from "./nkey-text.js";
import { readKey, writeKey } from "./web-keys.js";

export interface WebDeviceKey extends DeviceKey {
  /**
   * Answers the broker's challenge, in base64url. Throws FORBIDDEN where the nonce is no challenge, for it might be a
   * message that somebody wants signed.
   */
  answerChallenge(nonce: string): Promise<{ readonly nkey: string; readonly sig: string }>;
}

export function createWebDeviceKey(database: WebDatabase): WebDeviceKey {
  const load = async (): Promise<CryptoKeyPair> => {
    const pair = await readKey<CryptoKeyPair>(database, "device");
    if (pair === undefined) throw new AppError("NOT_ENROLLED", "the device has no key yet");
    return pair;
  };
  const publicText = async ({ publicKey }: CryptoKeyPair): Promise<string> =>
    nkeyOf(new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)));
  const signWith = async ({ privateKey }: CryptoKeyPair, bytes: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, privateKey, new Uint8Array(bytes)));
  return {
    // A call after a crash in mid-enrolment returns the same key, so that the server recognises the device.
    async create() {
      const kept = await readKey<CryptoKeyPair>(database, "device");
      if (kept !== undefined) return publicText(kept);
      const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"])) as CryptoKeyPair;
      await writeKey(database, "device", pair);
      return publicText(pair);
    },
    sign: async (bytes) => signWith(await load(), bytes),
    async answerChallenge(nonce) {
      if (!challengePattern.test(nonce)) {
        throw new AppError(
          "FORBIDDEN",
          "the broker's challenge has another form than a broker's has; it is not signed",
        );
      }
      const pair = await load();
      return { nkey: await publicText(pair), sig: toBase64Url(await signWith(pair, utf8(nonce))) };
    },
  };
}

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
