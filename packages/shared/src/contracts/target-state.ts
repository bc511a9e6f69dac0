// The target state: which release a device should run, answered to its signed poll.

import { z } from "zod";
import { devicePattern } from "../subjects.js";
import { sha256Schema } from "./release.js";

/** A poll is the egress message `poll` with the device's nkey signature (Ed25519, base64) over its canonical JSON. */
export const signedPollSchema = z.strictObject({
  message: z.unknown(),
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});
export type SignedPoll = z.infer<typeof signedPollSchema>;

export const targetStateSchema = z.strictObject({
  version: z.literal(1),
  device: z.string().regex(devicePattern),
  release: z.nullable(z.strictObject({ sequence: z.int().min(1).max(65_535), manifestSha256: sha256Schema })),
  nats: z.strictObject({ urls: z.array(z.string()).min(1), userJwt: z.string().min(1) }),
  pollIntervalMs: z.int().min(100).max(86_400_000),
});
export type TargetState = z.infer<typeof targetStateSchema>;
