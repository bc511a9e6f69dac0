// Reads the stored reports of the whole fleet back for its manager.

import type { PrismaClient } from "../generated/prisma/client.js";
import type { Block } from "./fleet-averages.js";
import { describeReport, reportColumns, type StoredReport } from "./report.row.js";
import type { Body } from "./shown-body.js";

export interface ReportFilter {
  readonly device?: string | undefined;
  readonly limit: number;
}

export interface ReportWithBody extends StoredReport {
  readonly body: Body;
}

export interface ReportCount {
  readonly device: string;
  readonly type: string;
  readonly reports: number;
  readonly bytes: number;
}

export interface ReportRepository {
  /** The reports, the latest first. */
  listReports(filter: ReportFilter): Promise<ReportWithBody[]>;
  /** The number and bytes of reports, by device and type. */
  countReports(device?: string): Promise<ReportCount[]>;
  /** The latest metrics of each device. */
  latestMetrics(device?: string): Promise<ReadonlyMap<string, Body>>;
  /** Each device's latest block for each release that its fleet was given, without revoked devices. */
  latestBlocks(fleet?: string): Promise<Block[]>;
  /** The number of refused messages, by reason. */
  countDeadLetters(device?: string): Promise<Record<string, number>>;
  countConflicts(device?: string): Promise<number>;
}

export function createReportRepository(prisma: PrismaClient): ReportRepository {
  async function listReports({ device, limit }: ReportFilter): Promise<ReportWithBody[]> {
    const rows = await prisma.report.findMany({
      where: device === undefined ? {} : { deviceId: device },
      select: { ...reportColumns, body: true },
      orderBy: [{ receivedAt: "desc" }, { epoch: "desc" }, { sequence: "desc" }],
      take: limit,
    });
    return rows.map(({ body, ...row }) => ({ ...describeReport(row), body: body as Body }));
  }

  async function countReports(device?: string): Promise<ReportCount[]> {
    const where = device === undefined ? {} : { deviceId: device };
    const by = ["deviceId", "type"] as const;
    const rows = await prisma.report.groupBy({ by: [...by], where, _count: true, _sum: { sizeBytes: true } });
    return rows.map((row) => ({
      device: row.deviceId,
      type: row.type,
      reports: row._count,
      bytes: row._sum.sizeBytes ?? 0,
    }));
  }

  async function latestMetrics(device?: string): Promise<ReadonlyMap<string, Body>> {
    const rows = await prisma.$queryRaw<{ deviceId: string; body: Body }[]>`
      SELECT DISTINCT ON ("deviceId") "deviceId", "body" FROM "Report"
      WHERE "type" = 'report.metrics' AND "deviceId" LIKE ${device ?? "%"}
      ORDER BY "deviceId", "receivedAt" DESC, "sequence" DESC`;
    return new Map(rows.map((row) => [row.deviceId, row.body]));
  }

  /** One value stands for one person, and a slot without a block counts for nothing. */
  async function latestBlocks(fleet?: string): Promise<Block[]> {
    return prisma.$queryRaw<Block[]>`
      SELECT DISTINCT ON (report."releaseSequence", report."deviceId")
        device."fleetName" AS fleet, report."releaseSequence",
        (report."body"->>'rightPrior')::int AS "rightPrior", (report."body"->>'rightAnswering')::int AS "rightAnswering"
      FROM "Report" report JOIN "Device" device ON device."id" = report."deviceId"
      WHERE report."type" = 'report.slot' AND device."revokedAt" IS NULL
        AND report."body"->>'rightPrior' IS NOT NULL AND report."body"->>'rightAnswering' IS NOT NULL
        AND EXISTS (SELECT 1 FROM "Rollout" rollout
          WHERE rollout."fleetName" = device."fleetName" AND rollout."releaseSequence" = report."releaseSequence")
        AND (${fleet ?? null}::text IS NULL OR device."fleetName" = ${fleet ?? null})
      ORDER BY report."releaseSequence", report."deviceId", report."receivedAt" DESC, report."sequence" DESC`;
  }

  async function countDeadLetters(device?: string): Promise<Record<string, number>> {
    const where = device === undefined ? {} : { subjectDevice: device };
    const rows = await prisma.deadLetterCount.groupBy({ by: ["reason"], where, _sum: { count: true } });
    return Object.fromEntries(rows.map((row) => [row.reason, Number(row._sum.count)]));
  }

  async function countConflicts(device?: string): Promise<number> {
    return prisma.reportConflict.count({ where: device === undefined ? {} : { deviceId: device } });
  }

  return { listReports, countReports, latestMetrics, latestBlocks, countDeadLetters, countConflicts };
}
