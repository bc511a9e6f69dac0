// The device's key: an nkey (Ed25519) made here. Its seed stays in one file of mode 0600 and in this module's closure.

import { challengePattern } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import type { DeviceKey } from "../core/ports.js";
import { plainBytes } from "./plain-bytes.js";
import { readSecret, writeSecret } from "./secret-file.js";

export interface NodeDeviceKey extends DeviceKey {
  /**
   * Answers the broker's challenge. Throws FORBIDDEN where the nonce is no challenge, for it might be a message
   * that somebody wants signed.
   */
  answerChallenge(nonce: string): { readonly nkey: string; readonly sig: string };
}

export function createDeviceKey(path: string): NodeDeviceKey {
  let pair: KeyPair | undefined;
  const load = async (): Promise<KeyPair> => {
    if (pair !== undefined) return pair;
    const seed = await readSecret(path);
    if (seed === undefined) throw new AppError("NOT_ENROLLED", "the device has no key yet");
    try {
      pair = fromSeed(seed);
    } catch (cause) {
      throw new AppError("STORE_CORRUPT", `${path} is not an nkey seed`, { cause });
    }
    return pair;
  };
  return {
    // A call after a crash in mid-enrolment returns the same key, so that the server recognises the device.
    create: async () => {
      if ((await readSecret(path)) === undefined) await writeSecret(path, createUser().getSeed());
      return (await load()).getPublicKey();
    },
    sign: async (bytes) => plainBytes((await load()).sign(bytes)),
    answerChallenge: (nonce) => {
      if (pair === undefined) throw new AppError("NOT_ENROLLED", "the device's key is not loaded");
      if (!challengePattern.test(nonce)) {
        throw new AppError(
          "FORBIDDEN",
          "the broker's challenge has another form than a broker's has; it is not signed",
        );
      }
      const signature = pair.sign(Buffer.from(nonce, "utf8"));
      return { nkey: pair.getPublicKey(), sig: Buffer.from(signature).toString("base64url") };
    },
  };
}
