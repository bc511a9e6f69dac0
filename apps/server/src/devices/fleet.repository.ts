// Stores fleets, enrolment tokens and devices in the database, as the fleet manager makes, lists and revokes them.

import { AppError } from "@attune/shared/errors";
import type { Device, Fleet, PrismaClient } from "../generated/prisma/client.js";

export interface FleetSummary extends Fleet {
  /** The number of devices that are not revoked. */
  readonly devices: number;
}

interface StoredToken {
  readonly secretSha256: string;
  readonly fleetName: string;
  readonly expiresAt: Date;
}

interface RevokedKeys {
  readonly revoked: readonly string[];
  readonly expired: readonly string[];
}

export interface FleetRepository {
  /** Creating an existing fleet changes nothing. */
  createFleet(name: string): Promise<Fleet>;
  listFleets(): Promise<FleetSummary[]>;
  /** Throws NOT_FOUND for an unknown fleet. */
  createToken(token: StoredToken): Promise<void>;
  listDevices(fleetName?: string): Promise<Device[]>;
  /** Whether the device exists. A repeated revocation keeps the first one's time. */
  revoke(id: string, revokedAt: Date): Promise<boolean>;
  /** The keys of all revoked devices, the latest revocation last. No JWT of an `expired` key can still be valid. */
  revokedKeys(expiredBefore: Date): Promise<RevokedKeys>;
}

export function createFleetRepository(prisma: PrismaClient): FleetRepository {
  async function createFleet(name: string): Promise<Fleet> {
    return prisma.fleet.upsert({ where: { name }, create: { name }, update: {} });
  }

  async function listFleets(): Promise<FleetSummary[]> {
    const fleets = await prisma.fleet.findMany({
      orderBy: { name: "asc" },
      include: { _count: { select: { devices: { where: { revokedAt: null } } } } },
    });
    return fleets.map(({ name, createdAt, _count }) => ({ name, createdAt, devices: _count.devices }));
  }

  async function createToken(token: StoredToken): Promise<void> {
    if ((await prisma.fleet.findUnique({ where: { name: token.fleetName } })) === null) {
      throw new AppError("NOT_FOUND", `there is no fleet "${token.fleetName}"; create it with \`attune fleet create\``);
    }
    await prisma.enrolmentToken.create({ data: token });
  }

  async function listDevices(fleetName?: string): Promise<Device[]> {
    return prisma.device.findMany({
      where: fleetName === undefined ? {} : { fleetName },
      orderBy: [{ fleetName: "asc" }, { enrolledAt: "asc" }],
    });
  }

  async function revoke(id: string, revokedAt: Date): Promise<boolean> {
    await prisma.device.updateMany({ where: { id, revokedAt: null }, data: { revokedAt } });
    return (await prisma.device.count({ where: { id } })) === 1;
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

  return { createFleet, listFleets, createToken, listDevices, revoke, revokedKeys };
}
