// Stores devices in the database as they enrol and poll.

import type { Message } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { Device, Prisma, PrismaClient } from "../generated/prisma/client.js";
import { judgeToken } from "./enrolment.js";
import { epochsPerDay } from "./poll.plan.js";
import type { Offered } from "./target-manifest.js";

interface EnrolmentRequest {
  readonly message: Message<"enrol">;
  readonly secretSha256: string;
  /** The device's identifier if this is the token's first use. */
  readonly newDevice: string;
  readonly nowMs: number;
}

/** The form and time in which a poll arrived. */
interface PollArrival {
  readonly prefixed: boolean;
  readonly nowMs: number;
}

/** Stands for a word that a device left out, because the word's last day is over. A number is 0 then. */
const unknown = "unknown";

export interface DeviceRepository {
  /** Uses the token and creates the device in one transaction, or finds the device of an earlier, identical request. */
  enrol(request: EnrolmentRequest): Promise<Device>;
  findDevice(id: string): Promise<Device | null>;
  /**
   * Records a poll's content, unless a later poll was recorded already. The device's sequence decides the order, never
   * a clock. A late or repeated poll changes nothing, not even the time at which the device was last seen: anyone may
   * have recorded and replayed it. Returns the number of the device's target, or undefined where nothing was recorded.
   */
  recordPoll(message: Message<"poll">, arrival: PollArrival): Promise<number | undefined>;
  /** Rollouts only go forward, and so do the releases that a device is offered. */
  recordOffer(device: string, offered: Offered): Promise<void>;
  hasEpoch(device: string, epoch: string): Promise<boolean>;
  /**
   * Makes a new epoch the device's latest; does nothing for an epoch that is not new. Throws CONFLICT
   * for too many epochs.
   */
  beginEpoch(device: string, epoch: string, nowMs: number): Promise<void>;
  /** The highest sequence of the device's stored reports in this epoch; 0 before the first. */
  lastReport(device: string, epoch: string): Promise<number>;
  isRevoked(id: string): Promise<boolean>;
}

export function createDeviceRepository(prisma: PrismaClient, now: () => number): DeviceRepository {
  return {
    enrol: (request) => enrol(prisma, request),
    findDevice: (id) => prisma.device.findUnique({ where: { id } }),

    async recordPoll(message, { prefixed, nowMs }) {
      const { device, epoch, sequence, releaseSequence, state = unknown, reason = unknown } = message;
      const rows = await prisma.$queryRaw<{ targetNumber: bigint }[]>`
        UPDATE "Device" SET "pollSequence" = ${sequence}, "releaseSequence" = ${releaseSequence}, "state" = ${state},
          "reason" = ${reason}, "lastSeenAt" = ${new Date(nowMs)}, "prefixedPolls" = "prefixedPolls" OR ${prefixed},
          "targetNumber" = GREATEST("targetNumber" + 1, ${nowMs}::bigint)
        WHERE "id" = ${device} AND "epoch" = ${epoch} AND "pollSequence" < ${sequence}
        RETURNING "targetNumber"`;
      return rows[0] === undefined ? undefined : Number(rows[0].targetNumber);
    },

    async recordOffer(device, { offeredSequence, offeredManifest }) {
      await prisma.device.updateMany({
        where: { id: device, offeredSequence: { lt: offeredSequence } },
        data: { offeredSequence, offeredManifest, offeredAt: new Date(now()) },
      });
    },

    hasEpoch: async (deviceId, epoch) => (await prisma.deviceEpoch.count({ where: { deviceId, epoch } })) === 1,
    beginEpoch: (deviceId, epoch, nowMs) =>
      prisma.$transaction((tx) => beginEpochWithin(tx, { deviceId, epoch, nowMs })),

    async lastReport(deviceId, epoch) {
      const last = await prisma.report.findFirst({
        where: { deviceId, epoch },
        select: { sequence: true },
        orderBy: { sequence: "desc" },
      });
      return last?.sequence ?? 0;
    },

    isRevoked: async (id) => (await prisma.device.count({ where: { id, revokedAt: null } })) === 0,
  };
}

async function enrol(prisma: PrismaClient, request: EnrolmentRequest): Promise<Device> {
  const { secretSha256, message, nowMs } = request;
  // A guessed token costs one look, not a transaction.
  if ((await prisma.enrolmentToken.count({ where: { secretSha256 } })) === 0) judgeToken(undefined, message, nowMs);
  try {
    return await prisma.$transaction((tx) => enrolWithin(tx, request));
  } catch (error) {
    // Another token's request with the same key was faster.
    if ((error as { code?: unknown }).code === "P2002") throw keyTaken();
    throw error;
  }
}

async function enrolWithin(tx: Prisma.TransactionClient, request: EnrolmentRequest): Promise<Device> {
  const { message, secretSha256, newDevice, nowMs } = request;
  // Two requests with one token wait for each other here, so that only one of them can be the first.
  await tx.$queryRaw`SELECT 1 FROM "EnrolmentToken" WHERE "secretSha256" = ${secretSha256} FOR UPDATE`;
  const token = await tx.enrolmentToken.findUnique({ where: { secretSha256 }, include: { device: true } });
  const verdict = judgeToken(token ?? undefined, message, nowMs);
  if (verdict.use === "again") return tx.device.findUniqueOrThrow({ where: { id: verdict.device } });
  if ((await tx.device.findUnique({ where: { nkey: message.nkey } })) !== null) {
    throw keyTaken();
  }
  const { nkey, epoch, deviceKind = unknown, engine = unknown, memory = 0 } = message;
  const { fleetName, tags } = token as NonNullable<typeof token>;
  const device = await tx.device.create({
    data: {
      id: newDevice,
      fleetName,
      nkey,
      epoch,
      deviceKind,
      engine,
      memory,
      tags,
      enrolledAt: new Date(nowMs),
      // The enrolment itself shows that this device signs under prefixes.
      prefixedPolls: true,
      epochs: { create: { epoch, begunAt: new Date(nowMs) } },
    },
  });
  await tx.enrolmentToken.update({
    where: { secretSha256 },
    data: { usedAt: new Date(nowMs), usedByDevice: newDevice },
  });
  return device;
}

async function beginEpochWithin(
  tx: Prisma.TransactionClient,
  { deviceId, epoch, nowMs }: { readonly deviceId: string; readonly epoch: string; readonly nowMs: number },
): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "Device" WHERE "id" = ${deviceId} FOR UPDATE`;
  if ((await tx.deviceEpoch.count({ where: { deviceId, epoch } })) === 1) return;
  const begunAt = { gt: new Date(nowMs - dayMs), lte: new Date(nowMs) };
  if ((await tx.deviceEpoch.count({ where: { deviceId, begunAt } })) >= epochsPerDay) {
    throw new AppError("CONFLICT", `the device began ${epochsPerDay} epochs within a day; two copies of it may run`);
  }
  await tx.deviceEpoch.create({ data: { deviceId, epoch, begunAt: new Date(nowMs) } });
  await tx.device.update({ where: { id: deviceId }, data: { epoch, pollSequence: 0, prefixedPolls: true } });
}

function keyTaken(): AppError {
  return new AppError("CONFLICT", "nkey: this key belongs to a device that is enrolled already");
}
