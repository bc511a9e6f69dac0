// Enrolment: a one-time token for credentials. The device creates its secret key itself, and no
// message carries that key.

import { z } from "zod";
import { devicePattern, fleetPattern } from "../subjects.js";
import { ed25519SignatureSchema, trustedKeysSchema } from "../trust/keys.js";

/** The fleet manager gives this token to the device: `attune1.<fingerprint of the trusted keys>.<secret>`. */
export const enrolmentTokenPattern = /^attune1\.([0-9a-f]{64})\.([0-9a-f]{48})$/;

/**
 * An enrolment is the egress message `enrol`. `proof` is the new key's own signature over that message,
 * under the message's prefix.
 */
export const signedEnrolmentSchema = z.strictObject({ message: z.unknown(), proof: ed25519SignatureSchema.optional() });
export type SignedEnrolment = z.infer<typeof signedEnrolmentSchema>;

export const enrolmentReplySchema = z.strictObject({
  version: z.literal(1),
  device: z.string().regex(devicePattern),
  fleet: z.string().regex(fleetPattern),
  /** The keys that sign releases. Their sha256 over canonical JSON must be the fingerprint in the token. */
  releaseKeys: trustedKeysSchema,
  egressContractVersion: z.int().min(1),
  nats: z.strictObject({ urls: z.array(z.string()).min(1), userJwt: z.string().min(1) }),
});
export type EnrolmentReply = z.infer<typeof enrolmentReplySchema>;
