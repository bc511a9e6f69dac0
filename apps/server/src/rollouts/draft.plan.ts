// Drafts a rollout before it starts: its devices by group, and a reason for each device that is left out. Pure.

import { deviceTagSchema } from "@attune/shared/contracts/inventory";
import { z } from "zod";

const percent = z.number().gt(0).max(100);
const share = z.number().min(0).max(1);
const word = z.string().regex(/^[a-z]{1,16}$/);
const release = z.int().min(1).max(65_535);

/** A rollout as a fleet manager asks for it. */
export const rolloutRequestSchema = z.strictObject({
  releaseSequence: release,
  /** A later release with the content from before. Without one a stop only holds devices. */
  fallbackSequence: release,
  /** The devices of each group. The rest make a last group. */
  groups: z.array(z.union([z.strictObject({ devices: z.int().min(1) }), z.strictObject({ percent })])).max(20),
  /** A device is left out where it is none of the named. */
  select: z.strictObject({
    kinds: z.array(word).optional(),
    engines: z.array(word).optional(),
    minMemory: z.int().min(0).optional(),
    /** All of these. */
    tags: z.array(deviceTagSchema).optional(),
    running: z.array(z.int().min(0).max(65_535)).optional(),
    seenSince: z.iso.datetime().optional(),
  }),
  intake: z.boolean(),
  policy: z.strictObject({
    failureLimit: share,
    completeness: share,
    deadlineMs: z
      .int()
      .min(1_000)
      .max(365 * 86_400_000),
    harmBound: share.gt(0).lt(1),
  }),
});
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>;

export interface DraftDevice {
  readonly id: string;
  readonly revoked: boolean;
  readonly kind: string;
  readonly engine: string;
  readonly memory: number;
  readonly tags: readonly string[];
  readonly running: number;
  /** The newest release that the device was offered. */
  readonly offered: number;
  readonly lastSeenAt: Date | null;
  /** Whether another rollout that is under way has not decided about the device yet. */
  readonly isBusy: boolean;
}

/** `ahead`: the device has been offered this release or a later one. `busy`: another rollout has it. */
export const exclusionReasons = [
  "revoked",
  "kind",
  "engine",
  "memory",
  "tag",
  "running",
  "unseen",
  "ahead",
  "busy",
] as const;
export type ExclusionReason = (typeof exclusionReasons)[number];

interface Draft {
  /** The devices of each group, in the order of hashes. */
  readonly groups: readonly (readonly string[])[];
  readonly excluded: readonly { readonly device: string; readonly reason: ExclusionReason }[];
  readonly warnings: readonly string[];
}

/** A group of fewer devices shows little. */
const minGroup = 12;

/** `order` puts devices in the order of hashes. */
export function draftRollout(
  request: RolloutRequest,
  devices: readonly DraftDevice[],
  order: (devices: readonly string[]) => string[],
): Draft {
  const reasons = devices.map((device) => ({ device: device.id, reason: reasonAgainst(device, request) }));
  const members = order(reasons.filter(({ reason }) => reason === undefined).map(({ device }) => device));
  const groups = split(members, request.groups);
  return {
    groups,
    excluded: reasons.flatMap(({ device, reason }) => (reason === undefined ? [] : [{ device, reason }])),
    warnings: groups.flatMap(({ length }, index) =>
      length < minGroup ? [`group ${index + 1} has ${length} devices; fewer than ${minGroup} show little`] : [],
    ),
  };
}

function reasonAgainst(device: DraftDevice, { releaseSequence, select }: RolloutRequest): ExclusionReason | undefined {
  const { kinds, engines, minMemory = 0, tags = [], running, seenSince } = select;
  if (device.revoked) return "revoked";
  if (kinds !== undefined && !kinds.includes(device.kind)) return "kind";
  if (engines !== undefined && !engines.includes(device.engine)) return "engine";
  if (device.memory < minMemory) return "memory";
  if (!tags.every((tag) => device.tags.includes(tag))) return "tag";
  if (running !== undefined && !running.includes(device.running)) return "running";
  if (seenSince !== undefined && (device.lastSeenAt === null || device.lastSeenAt < new Date(seenSince)))
    return "unseen";
  if (Math.max(device.running, device.offered) >= releaseSequence) return "ahead";
  return device.isBusy ? "busy" : undefined;
}

/** The sizes are upper bounds: later groups are smaller, or empty, where the devices run out. */
function split(members: readonly string[], sizes: RolloutRequest["groups"]): string[][] {
  const groups: string[][] = [];
  let from = 0;
  for (const size of sizes) {
    const count = "devices" in size ? size.devices : Math.ceil((members.length * size.percent) / 100);
    groups.push(members.slice(from, from + count));
    from += count;
  }
  const rest = members.slice(from);
  return rest.length > 0 || groups.length === 0 ? [...groups, rest] : groups;
}
