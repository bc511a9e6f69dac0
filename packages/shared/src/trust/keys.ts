// Keys and signatures as they are written in JSON: Ed25519, in base64.

import { z } from "zod";

/** The first 16 hexadecimal digits of the sha256 of the key's 32 raw bytes. */
export const keyIdSchema = z.string().regex(/^[0-9a-f]{16}$/);
/** 32 raw bytes in base64. */
export const publicKeySchema = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
/** 64 bytes in base64. */
export const ed25519SignatureSchema = z.string().regex(/^[A-Za-z0-9+/]{86}==$/);

/** The most signatures that one role can demand, and the most that one envelope can carry. */
export const maxSigners = 16;
export const thresholdSchema = z.int().min(1).max(maxSigners);

/** The keys that an enrolment delivers. The token names the fingerprint of their canonical JSON. */
export const trustedKeysSchema = z.strictObject({
  threshold: thresholdSchema,
  keys: z
    .array(z.strictObject({ keyId: keyIdSchema, publicKey: publicKeySchema }))
    .min(1)
    .max(maxSigners),
});
export type TrustedKeys = z.infer<typeof trustedKeysSchema>;

/** Whether `signature` (64 bytes) over `message` was made by the holder of `publicKey` (32 raw bytes). */
export type VerifyEd25519 = (input: {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}) => Promise<boolean>;
