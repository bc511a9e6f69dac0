// The inventory: devices by kind, tag, engine, memory, release and health, their tags, and their timelines.

import { type ListedDevice, maxDeviceTags, type Timeline } from "@attune/shared/contracts/inventory";
import type { DeviceHealth } from "@attune/shared/contracts/inventory-words";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { Author } from "../callers/roles.js";
import { healthOf, looksCopied } from "./health.plan.js";
import type { InventoryDevice, InventoryRepository } from "./inventory.repository.js";
import { timelineOf } from "./timeline.plan.js";

/** Every field that is given has to hold. Decommissioned devices are listed only where they are asked for. */
interface InventoryFilter {
  readonly fleet?: string | undefined;
  readonly kind?: string | undefined;
  readonly tag?: string | undefined;
  readonly engine?: string | undefined;
  /** At least so many MiB. */
  readonly memory?: number | undefined;
  readonly release?: number | undefined;
  readonly health?: DeviceHealth | undefined;
  readonly decommissioned?: boolean | undefined;
}

interface TagChange {
  readonly device: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface InventoryService {
  list(filter?: InventoryFilter): Promise<ListedDevice[]>;
  /** Throws NOT_FOUND, and INVALID_INPUT for too many tags. */
  changeTags(change: TagChange, by: Author): Promise<{ device: string; tags: string[] }>;
  /** Throws NOT_FOUND. */
  timeline(device: string, limit: number): Promise<Timeline>;
}

interface InventoryServiceDeps {
  readonly repository: InventoryRepository;
  readonly pollIntervalMs: number;
  readonly now: () => number;
}

export function createInventoryService({ repository, pollIntervalMs, now }: InventoryServiceDeps): InventoryService {
  return {
    async list(filter = {}) {
      const nowMs = now();
      const devices = await repository.list(filter.fleet, new Date(nowMs - dayMs));
      return devices.map((device) => describe(device, { nowMs, pollIntervalMs })).filter((one) => fits(one, filter));
    },

    async changeTags({ device, add, remove }, by) {
      const change = { by, action: "device.tag", subject: device, atMs: now() };
      const tags = await repository.changeTags(change, (present) => {
        const wanted = [...new Set([...present, ...add])].filter((tag) => !remove.includes(tag)).sort();
        if (wanted.length > maxDeviceTags) {
          throw new AppError("INVALID_INPUT", `tags: a device has at most ${maxDeviceTags}`);
        }
        return wanted;
      });
      return { device, tags };
    },

    async timeline(device, limit) {
      const history = await repository.history(device, limit);
      if (history === null) throw new AppError("NOT_FOUND", `there is no device ${device}`);
      return { device, entries: timelineOf(history, limit) };
    },
  };
}

function fits(device: ListedDevice, filter: InventoryFilter): boolean {
  const { kind, tag, engine, memory, release, health, decommissioned = false } = filter;
  return (
    (device.decommissionedAt !== null) === decommissioned &&
    (kind === undefined || device.deviceKind === kind) &&
    (tag === undefined || device.tags.includes(tag)) &&
    (engine === undefined || device.engine === engine) &&
    (memory === undefined || device.memory >= memory) &&
    (release === undefined || device.releaseSequence === release) &&
    (health === undefined || device.health === health)
  );
}

function describe(device: InventoryDevice, now: Parameters<typeof healthOf>[1]): ListedDevice {
  const { id, deviceKind, engine, memory, tags, releaseSequence, offeredSequence, state, reason, epoch } = device;
  const { enrolledAt, lastSeenAt, revokedAt, decommissionedAt } = device;
  return {
    ...{ id, fleet: device.fleetName, deviceKind, engine, memory, tags, releaseSequence, offeredSequence },
    ...{ state, reason, epoch },
    enrolledAt: enrolledAt.toISOString(),
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
    decommissionedAt: decommissionedAt?.toISOString() ?? null,
    health: revokedAt === null ? healthOf(device, now) : null,
    copies: looksCopied(device),
  };
}
