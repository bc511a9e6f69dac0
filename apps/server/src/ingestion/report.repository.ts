// Reads the stored reports of the whole fleet back for its manager.
import type { PrismaClient } from "../generated/prisma/client.js";
import { describeReport, reportColumns } from "./report.row.js";

export type ReportRepository = ReturnType<typeof createReportRepository>;

type Body = Record<string, string | number | null>;

export function createReportRepository(prisma: PrismaClient) {
  /** The reports, the latest first. */
  async function listReports({ device, limit }: { device?: string | undefined; limit: number }) {
    const rows = await prisma.report.findMany({
      where: device === undefined ? {} : { deviceId: device },
      select: { ...reportColumns, body: true },
      orderBy: [{ receivedAt: "desc" }, { epoch: "desc" }, { sequence: "desc" }],
      take: limit,
    });
    return rows.map(({ body, ...row }) => ({ ...describeReport(row), body: body as Body }));
  }

  /** The number and bytes of reports, by device and type. */
  async function countReports(device?: string) {
    const where = device === undefined ? {} : { deviceId: device };
    const by = ["deviceId", "type"] as const;
    const rows = await prisma.report.groupBy({ by: [...by], where, _count: true, _sum: { sizeBytes: true } });
    return rows.map((row) => ({ device: row.deviceId, reports: row._count, bytes: row._sum.sizeBytes ?? 0 }));
  }

  /** The latest metrics of each device. */
  async function latestMetrics(device?: string): Promise<ReadonlyMap<string, Body>> {
    const rows = await prisma.$queryRaw<{ deviceId: string; body: Body }[]>`
      SELECT DISTINCT ON ("deviceId") "deviceId", "body" FROM "Report"
      WHERE "type" = 'report.metrics' AND "deviceId" LIKE ${device ?? "%"}
      ORDER BY "deviceId", "receivedAt" DESC, "sequence" DESC`;
    return new Map(rows.map((row) => [row.deviceId, row.body]));
  }

  /** The number of refused messages, by reason. */
  async function countDeadLetters(device?: string): Promise<Record<string, number>> {
    const where = device === undefined ? {} : { subjectDevice: device };
    const rows = await prisma.deadLetterCount.groupBy({ by: ["reason"], where, _sum: { count: true } });
    return Object.fromEntries(rows.map((row) => [row.reason, Number(row._sum.count)]));
  }

  async function countConflicts(device?: string): Promise<number> {
    return prisma.reportConflict.count({ where: device === undefined ? {} : { deviceId: device } });
  }

  return { listReports, countReports, latestMetrics, countDeadLetters, countConflicts };
}
