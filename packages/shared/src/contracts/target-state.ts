// The target state: which release a device should run. The server sends it as the answer to the device's signed poll.

import { z } from "zod";
import { devicePattern, epochPattern } from "../subjects.js";
import { ed25519SignatureSchema } from "../trust/keys.js";
import { sha256Schema } from "./release.js";

/** A poll in its first form: the signature is over the message's canonical JSON, without a prefix. */
const barePollSchema = z.strictObject({ message: z.unknown(), signature: ed25519SignatureSchema });

/**
 * A poll in its present form: the egress message `poll`, with the device key's signature over it
 * under the message's prefix.
 */
const signedPollSchema = barePollSchema.extend({ version: z.literal(2) });

/**
 * The header of a poll that states the newest version of a manifest that the device reads. Without the header the
 * device reads version 1 alone. The poll's body is the same for every server, because earlier servers refuse a body
 * that they do not know.
 */
export const manifestVersionHeader = "attune-manifest-version";
export const newestManifestVersion = 2;

export const pollSchema = z.union([signedPollSchema, barePollSchema]);
export type Poll = z.infer<typeof pollSchema>;

const releaseTargetSchema = z.nullable(
  z.strictObject({ sequence: z.int().min(1).max(65_535), manifestSha256: sha256Schema }),
);
const natsSchema = z.strictObject({ urls: z.array(z.string()).min(1), userJwt: z.string().min(1) });
const pollIntervalSchema = z.int().min(100).max(86_400_000);

/** The answer to a bare poll. No signature vouches for it. */
export const targetStateSchema = z.strictObject({
  version: z.literal(1),
  device: z.string().regex(devicePattern),
  release: releaseTargetSchema,
  nats: natsSchema,
  pollIntervalMs: pollIntervalSchema,
});
export type TargetState = z.infer<typeof targetStateSchema>;

/**
 * The answer to a signed poll: the payload of an envelope that the release keys have signed. It is valid
 * for that one poll.
 */
export const signedTargetSchema = z.strictObject({
  version: z.literal(2),
  kind: z.literal("target"),
  device: z.string().regex(devicePattern),
  /** `epoch` and `sequence` name the poll that this answers. */
  epoch: z.string().regex(epochPattern),
  sequence: z.int().min(1),
  /** Increases with every target of this device. */
  number: z.int().min(0),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /**
   * True when the server has already seen a later poll: the device's store is then a copy, and its sequence
   * numbers are used up.
   */
  beginEpoch: z.boolean(),
  /** The highest sequence among the device's reports that are stored under this epoch. */
  reports: z.int().min(0),
  release: releaseTargetSchema,
  nats: natsSchema,
  pollIntervalMs: pollIntervalSchema,
});
export type SignedTarget = z.infer<typeof signedTargetSchema>;
