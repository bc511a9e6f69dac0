// The release keys (Ed25519), made in the server's key directory at its first start, and the signing
// of envelopes with them.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { namingDiskFaults } from "@attune/platform/disk-fault";
import { makeDirectory, writeFileDurably } from "@attune/platform/durable-file";
import { canonicalBytes, canonicalJson } from "@attune/shared/canonical-json";
import { toBase64 } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import type { TrustedKeys, VerifyEd25519 } from "@attune/shared/trust/keys";
import type { SignedEnvelope } from "@attune/shared/trust/signed";

export interface ReleaseSigner {
  /** The keys that a device gets at enrolment and checks every manifest against. */
  readonly trustedKeys: TrustedKeys;
  /** The sha256 of the trusted keys' canonical JSON: the part of an enrolment token that pins the keys. */
  readonly fingerprint: string;
  /** The payload with one signature by each key. */
  sign(payload: Record<string, unknown>): SignedEnvelope;
}

const keyFilePattern = /^release-[0-9]+\.pem$/;

/**
 * Opens the release keys in `keysDirectory`, and makes the first key where there is none.
 * Throws STORE_CORRUPT naming the file. An unreadable key is never replaced, because devices trust that very key.
 */
export async function openReleaseSigner(keysDirectory: string): Promise<ReleaseSigner> {
  await makeDirectory(keysDirectory, 0o700);
  const found = await namingDiskFaults(keysDirectory, () => readdir(keysDirectory));
  const names = found.filter((name) => keyFilePattern.test(name)).sort();
  if (names.length === 0) {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    await writeFileDurably(join(keysDirectory, "release-1.pem"), pem, { mode: 0o600 });
    names.push("release-1.pem");
  }
  return createReleaseSigner(await Promise.all(names.map((name) => readKey(join(keysDirectory, name)))));
}

export function createReleaseSigner(privateKeys: readonly KeyObject[]): ReleaseSigner {
  const keys = privateKeys.map((privateKey) => ({ privateKey, ...describeKey(privateKey) }));
  const trustedKeys: TrustedKeys = {
    threshold: 1,
    keys: keys.map(({ keyId, publicKey }) => ({ keyId, publicKey })),
  };
  return {
    trustedKeys,
    fingerprint: createHash("sha256").update(canonicalJson(trustedKeys)).digest("hex"),
    sign(payload) {
      const message = canonicalBytes(payload);
      const signatures = keys.map(({ keyId, privateKey }) => ({
        keyId,
        signature: sign(null, message, privateKey).toString("base64"),
      }));
      return { payload, signatures };
    },
  };
}

/** Node's Ed25519 behind the port of `verifySigned`. */
export const verifyEd25519: VerifyEd25519 = async ({ publicKey, message, signature }) => {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return verify(null, message, key, signature);
};

async function readKey(path: string): Promise<KeyObject> {
  const pem = await namingDiskFaults(path, () => readFile(path));
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== "ed25519") throw new TypeError(`an ${key.asymmetricKeyType} key`);
    return key;
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", `${path} is not an Ed25519 private key in PEM; restore it from a copy`, {
      cause,
    });
  }
}

function describeKey(privateKey: KeyObject): { keyId: string; publicKey: string } {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  const raw = new Uint8Array(Buffer.from(x as string, "base64url"));
  return { keyId: createHash("sha256").update(raw).digest("hex").slice(0, 16), publicKey: toBase64(raw) };
}
