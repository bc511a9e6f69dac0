// The inventory between a fleet manager and the server: enrolment tokens, devices with tags and health, and timelines.

import { z } from "zod";
import { devicePattern, fleetPattern } from "../subjects.js";
import { deviceHealths, deviceTagForm, deviceTagPattern } from "./inventory-words.js";

export const deviceTagSchema = z.string().regex(deviceTagPattern, deviceTagForm);
export const maxDeviceTags = 16;

const time = z.iso.datetime();

export const listedDeviceSchema = z.strictObject({
  id: z.string().regex(devicePattern),
  fleet: z.string().regex(fleetPattern),
  deviceKind: z.string(),
  engine: z.string(),
  /** MiB, the lower edge of the declared bucket. */
  memory: z.int().min(0),
  tags: z.array(deviceTagSchema),
  enrolledAt: time,
  lastSeenAt: time.nullable(),
  revokedAt: time.nullable(),
  decommissionedAt: time.nullable(),
  /** The release that the device runs; 0 is none yet. */
  releaseSequence: z.int().min(0),
  /** The latest release that the device was offered; 0 is none yet. */
  offeredSequence: z.int().min(0),
  state: z.string(),
  reason: z.string(),
  epoch: z.string(),
  /** Null for a device that is revoked. */
  health: z.enum(deviceHealths).nullable(),
  /** Whether two copies of the device's credentials seem to run. */
  copies: z.boolean(),
});
export type ListedDevice = z.infer<typeof listedDeviceSchema>;

export const deviceTagsSchema = z.strictObject({
  device: z.string().regex(devicePattern),
  tags: z.array(deviceTagSchema),
});

export const enrolmentTokensSchema = z.strictObject({
  /** The first of `tokens`, each of which enrols one device once. */
  token: z.string(),
  tokens: z.array(z.string()).min(1),
  tags: z.array(deviceTagSchema),
  expiresAt: time,
});
export type EnrolmentTokens = z.infer<typeof enrolmentTokensSchema>;

/** Who says it: the server itself, the device's latest poll, or a report of the device. */
const timelineSources = ["server", "poll", "report"] as const;

export const timelineSchema = z.strictObject({
  device: z.string().regex(devicePattern),
  /** The latest first. */
  entries: z.array(z.strictObject({ at: time, source: z.enum(timelineSources), what: z.string() })),
});
export type Timeline = z.infer<typeof timelineSchema>;
