// Reads the devices of the inventory with the signs of their health, and changes their tags.

import { AppError } from "@attune/shared/errors";
import { appendEvent, type Change } from "../access/event-chain.js";
import type { Device, PrismaClient } from "../generated/prisma/client.js";

export interface InventoryDevice extends Device {
  /** The epochs that it began since the given time, without the one that it enrolled with. */
  readonly epochsBegun: number;
  /** The reports since then that contradict an earlier report. */
  readonly conflicts: number;
}

interface DeviceHistory {
  readonly device: Device;
  readonly epochs: readonly { readonly begunAt: Date }[];
  readonly reports: readonly { type: string; sequence: number; releaseSequence: number; receivedAt: Date }[];
  readonly conflicts: readonly { sequence: number; receivedAt: Date }[];
  readonly events: readonly { at: Date; actor: string; reason: string | null; action: string }[];
}

export interface InventoryRepository {
  /** The devices of the fleet, or of all fleets. `since` limits the signs of copies. */
  list(fleetName: string | undefined, since: Date): Promise<InventoryDevice[]>;
  /** Throws NOT_FOUND. */
  changeTags(change: Change, decide: (tags: readonly string[]) => readonly string[]): Promise<string[]>;
  /** The device's latest entries of each kind, at most `limit` of each. Null for an unknown device. */
  history(id: string, limit: number): Promise<DeviceHistory | null>;
}

export function createInventoryRepository(prisma: PrismaClient): InventoryRepository {
  return {
    async list(fleetName, since) {
      const devices = await prisma.device.findMany({
        where: fleetName === undefined ? {} : { fleetName },
        include: { epochs: { where: { begunAt: { gt: since } }, select: { begunAt: true } } },
        orderBy: [{ fleetName: "asc" }, { enrolledAt: "asc" }],
      });
      const where = { receivedAt: { gt: since } };
      const conflicts = await prisma.reportConflict.groupBy({ by: ["deviceId"], where, _count: true });
      const conflictsOf = new Map(conflicts.map(({ deviceId, _count }) => [deviceId, _count]));
      return devices.map(({ epochs, ...device }) => ({
        ...device,
        epochsBegun: epochs.filter(({ begunAt }) => begunAt > device.enrolledAt).length,
        conflicts: conflictsOf.get(device.id) ?? 0,
      }));
    },

    changeTags: (change, decide) =>
      prisma.$transaction(async (tx) => {
        const { subject: id } = change;
        const [device] = await tx.$queryRaw<{ tags: string[] }[]>`
          SELECT "tags" FROM "Device" WHERE "id" = ${id} FOR UPDATE`;
        if (device === undefined) throw new AppError("NOT_FOUND", `there is no device ${id}`);
        const tags = [...decide(device.tags)];
        if (tags.join(" ") === device.tags.join(" ")) return tags;
        await tx.device.update({ where: { id }, data: { tags } });
        await appendEvent(tx, { ...change, details: { tags: tags.join(",") } });
        return tags;
      }),

    async history(id, take) {
      const device = await prisma.device.findUnique({ where: { id } });
      if (device === null) return null;
      const [where, orderBy] = [{ deviceId: id }, { receivedAt: "desc" } as const];
      const [epochs, reports, conflicts, events] = await Promise.all([
        prisma.deviceEpoch.findMany({ where, select: { begunAt: true }, orderBy: { begunAt: "desc" }, take }),
        prisma.report.findMany({
          where,
          select: { type: true, sequence: true, releaseSequence: true, receivedAt: true },
          orderBy,
          take,
        }),
        prisma.reportConflict.findMany({ where, select: { sequence: true, receivedAt: true }, orderBy, take }),
        prisma.auditEvent.findMany({ where: { subject: id }, orderBy: { sequence: "desc" }, take }),
      ]);
      return { device, epochs, reports, conflicts, events };
    },
  };
}
