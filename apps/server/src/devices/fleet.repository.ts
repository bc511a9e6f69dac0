// Stores fleets, enrolment tokens and devices in the database, as the fleet manager makes, lists and revokes them.

import { AppError } from "@attune/shared/errors";
import { appendEvent, type Change } from "../access/event-chain.js";
import type { Fleet, PrismaClient } from "../generated/prisma/client.js";

export interface FleetSummary extends Fleet {
  /** The number of devices that are not revoked. */
  readonly devices: number;
}

interface StoredToken {
  readonly secretSha256: string;
  readonly fleetName: string;
  readonly expiresAt: Date;
  readonly tags: string[];
}

interface RevokedKeys {
  readonly revoked: readonly string[];
  readonly expired: readonly string[];
}

export interface FleetRepository {
  /** Creating an existing fleet changes nothing. */
  createFleet(name: string, change: Change): Promise<Fleet>;
  listFleets(): Promise<FleetSummary[]>;
  /** All of one fleet. Throws NOT_FOUND for an unknown fleet. */
  createTokens(tokens: readonly StoredToken[], change: Change): Promise<void>;
  /** Whether the device exists. A repeated revocation keeps the first one's time. */
  revoke(id: string, change: Change): Promise<boolean>;
  /** Revokes the device where it is not yet, and takes it out of the inventory. Whether it exists. */
  decommission(id: string, change: Change): Promise<boolean>;
  /** The keys of all revoked devices, the latest revocation last. No JWT of an `expired` key can still be valid. */
  revokedKeys(expiredBefore: Date): Promise<RevokedKeys>;
}

export function createFleetRepository(prisma: PrismaClient): FleetRepository {
  async function createFleet(name: string, change: Change): Promise<Fleet> {
    return prisma.$transaction(async (tx) => {
      const { count } = await tx.fleet.createMany({ data: [{ name }], skipDuplicates: true });
      if (count === 1) await appendEvent(tx, change);
      return tx.fleet.findUniqueOrThrow({ where: { name } });
    });
  }

  async function listFleets(): Promise<FleetSummary[]> {
    const fleets = await prisma.fleet.findMany({
      orderBy: { name: "asc" },
      include: { _count: { select: { devices: { where: { revokedAt: null } } } } },
    });
    return fleets.map(({ name, createdAt, _count }) => ({ name, createdAt, devices: _count.devices }));
  }

  async function createTokens(tokens: readonly StoredToken[], change: Change): Promise<void> {
    const { subject: name } = change;
    if ((await prisma.fleet.findUnique({ where: { name } })) === null) {
      throw new AppError("NOT_FOUND", `there is no fleet "${name}"; create it with \`attune fleet create\``);
    }
    await prisma.$transaction(async (tx) => {
      await tx.enrolmentToken.createMany({ data: [...tokens] });
      await appendEvent(tx, change);
    });
  }

  async function revoke(id: string, change: Change): Promise<boolean> {
    return prisma.$transaction(async (tx) => {
      const data = { revokedAt: new Date(change.atMs) };
      const { count } = await tx.device.updateMany({ where: { id, revokedAt: null }, data });
      if (count === 1) await appendEvent(tx, change);
      return (await tx.device.count({ where: { id } })) === 1;
    });
  }

  async function decommission(id: string, change: Change): Promise<boolean> {
    return prisma.$transaction(async (tx) => {
      const at = new Date(change.atMs);
      await tx.device.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } });
      const data = { decommissionedAt: at };
      const { count } = await tx.device.updateMany({ where: { id, decommissionedAt: null }, data });
      if (count === 1) await appendEvent(tx, change);
      return (await tx.device.count({ where: { id } })) === 1;
    });
  }

  /**
   * A device's latest JWT was issued no later than its last poll or its revocation. Both times are checked, so a clock
   * that was wrong at one of them does no harm.
   */
  async function revokedKeys(expiredBefore: Date): Promise<RevokedKeys> {
    const devices = await prisma.device.findMany({
      where: { revokedAt: { not: null } },
      select: { nkey: true, revokedAt: true, enrolledAt: true, lastSeenAt: true },
      orderBy: [{ revokedAt: "asc" }, { id: "asc" }],
    });
    const isExpired = ({ revokedAt, enrolledAt, lastSeenAt }: (typeof devices)[number]) =>
      [revokedAt, enrolledAt, lastSeenAt].every((time) => time === null || time < expiredBefore);
    const keys = (those: typeof devices) => those.map(({ nkey }) => nkey);
    return { revoked: keys(devices), expired: keys(devices.filter(isExpired)) };
  }

  return { createFleet, listFleets, createTokens, revoke, decommission, revokedKeys };
}
