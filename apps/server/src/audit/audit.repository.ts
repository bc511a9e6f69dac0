// The reports in the database, read back: for the fleet manager's overview and for the auditor's comparison.
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";

export type AuditRepository = ReturnType<typeof createAuditRepository>;

const reportColumns = {
  deviceId: true,
  epoch: true,
  sequence: true,
  type: true,
  releaseSequence: true,
  sizeBytes: true,
  bodySha256: true,
  receivedAt: true,
} satisfies Prisma.ReportSelect;

/** Devices keep one epoch and a few thousand reports; a page of an audit holds this many. */
const auditPage = 5_000;

export function createAuditRepository(prisma: PrismaClient) {
  async function deviceExists(id: string): Promise<boolean> {
    return (await prisma.device.count({ where: { id } })) === 1;
  }

  /** In the order of epoch and sequence, beginning behind `after`. */
  async function reportsOfDevice(device: string, after?: { epoch: string; sequence: number }) {
    const behind: Prisma.ReportWhereInput =
      after === undefined
        ? {}
        : { OR: [{ epoch: { gt: after.epoch } }, { epoch: after.epoch, sequence: { gt: after.sequence } }] };
    const rows = await prisma.report.findMany({
      where: { deviceId: device, ...behind },
      select: reportColumns,
      orderBy: [{ epoch: "asc" }, { sequence: "asc" }],
      take: auditPage,
    });
    return { reports: rows.map(describe), more: rows.length === auditPage };
  }

  async function conflictsOfDevice(device: string) {
    return prisma.reportConflict.findMany({
      where: { deviceId: device },
      select: { epoch: true, sequence: true, bodySha256: true, sizeBytes: true },
      orderBy: [{ epoch: "asc" }, { sequence: "asc" }],
      take: auditPage,
    });
  }

  /** The latest first. */
  async function listReports({ device, limit }: { device?: string | undefined; limit: number }) {
    const rows = await prisma.report.findMany({
      where: device === undefined ? {} : { deviceId: device },
      select: { ...reportColumns, body: true },
      orderBy: [{ receivedAt: "desc" }, { epoch: "desc" }, { sequence: "desc" }],
      take: limit,
    });
    return rows.map(({ body, ...row }) => ({ ...describe(row), body: body as Record<string, string | number | null> }));
  }

  /** What is there, counted, and the latest metrics of each device. */
  async function summarise(device?: string) {
    const where = device === undefined ? {} : { deviceId: device };
    const latestWhere = device === undefined ? "%" : device;
    const [counts, latest, deadLetters, conflicts] = await Promise.all([
      prisma.report.groupBy({ by: ["deviceId", "type"], where, _count: true, _sum: { sizeBytes: true } }),
      prisma.$queryRaw<{ deviceId: string; body: Record<string, string | number | null> }[]>`
        SELECT DISTINCT ON ("deviceId") "deviceId", "body" FROM "Report"
        WHERE "type" = 'report.metrics' AND "deviceId" LIKE ${latestWhere}
        ORDER BY "deviceId", "receivedAt" DESC, "sequence" DESC`,
      prisma.deadLetterCount.groupBy({
        by: ["reason"],
        where: device === undefined ? {} : { subjectDevice: device },
        _sum: { count: true },
      }),
      prisma.reportConflict.count({ where }),
    ]);
    const metrics = new Map(latest.map((row) => [row.deviceId, row.body]));
    const devices = [...new Set(counts.map((row) => row.deviceId))].sort().map((id) => {
      const own = counts.filter((row) => row.deviceId === id);
      return {
        device: id,
        reports: own.reduce((sum, row) => sum + row._count, 0),
        bytes: own.reduce((sum, row) => sum + (row._sum.sizeBytes ?? 0), 0),
        latestMetrics: metrics.get(id) ?? null,
      };
    });
    return {
      reports: devices.reduce((sum, row) => sum + row.reports, 0),
      conflicts,
      deadLetters: Object.fromEntries(deadLetters.map((row) => [row.reason, Number(row._sum.count)])),
      devices,
    };
  }

  return { deviceExists, reportsOfDevice, conflictsOfDevice, listReports, summarise };
}

function describe(row: {
  deviceId: string;
  epoch: string;
  sequence: number;
  type: string;
  releaseSequence: number;
  sizeBytes: number;
  bodySha256: string;
  receivedAt: Date;
}) {
  const { deviceId, bodySha256, receivedAt, ...rest } = row;
  return { device: deviceId, sha256: bodySha256, receivedAt: receivedAt.toISOString(), ...rest };
}
