// Signed envelopes: Ed25519 over canonical JSON, with a threshold of distinct keys.
// The cryptography itself is the host's (Node or WebCrypto) and comes in as a function.

import { z } from "zod";
import { canonicalBytes } from "../canonical-json.js";
import { fromBase64 } from "../encoding.js";
import { accept, type Result, refuse } from "../result.js";

export const keyIdSchema = z.string().regex(/^[0-9a-f]{16}$/);
const ed25519KeySchema = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
/** 64 bytes in base64. */
export const ed25519SignatureSchema = z.string().regex(/^[A-Za-z0-9+/]{86}==$/);

export const trustedKeysSchema = z.strictObject({
  threshold: z.int().min(1).max(16),
  /** `publicKey`: the 32 raw bytes of an Ed25519 key in base64; `keyId`: the first 16 hexadecimal digits of their sha256. */
  keys: z
    .array(z.strictObject({ keyId: keyIdSchema, publicKey: ed25519KeySchema }))
    .min(1)
    .max(16),
});
export type TrustedKeys = z.infer<typeof trustedKeysSchema>;

export const signedEnvelopeSchema = z.strictObject({
  payload: z.record(z.string(), z.unknown()),
  signatures: z
    .array(z.strictObject({ keyId: keyIdSchema, signature: ed25519SignatureSchema }))
    .min(1)
    .max(16),
});
export type SignedEnvelope = z.infer<typeof signedEnvelopeSchema>;

/** Whether `signature` (64 bytes) over `message` was made by the holder of `publicKey` (32 raw bytes). */
export type VerifyEd25519 = (input: {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}) => Promise<boolean>;

/**
 * The payload, once at least `threshold` distinct trusted keys have signed it. A key that signs twice counts once,
 * unknown keys count for nothing, and one bad signature of a trusted key does not spoil the good ones of others.
 */
export async function verifyEnvelope(
  envelope: SignedEnvelope,
  trusted: TrustedKeys,
  verify: VerifyEd25519,
): Promise<Result<Record<string, unknown>, "manifestSignature">> {
  const message = canonicalBytes(envelope.payload);
  const publicKeys = new Map(trusted.keys.map((key) => [key.keyId, key.publicKey]));
  const signers = new Set<string>();
  for (const { keyId, signature } of envelope.signatures) {
    const publicKey = publicKeys.get(keyId);
    if (publicKey === undefined || signers.has(publicKey)) continue;
    if (await verify({ publicKey: fromBase64(publicKey), message, signature: fromBase64(signature) })) {
      signers.add(publicKey);
    }
  }
  if (signers.size >= trusted.threshold) return accept(envelope.payload);
  return refuse("manifestSignature", `${signers.size} of ${trusted.threshold} required signatures are valid`);
}
