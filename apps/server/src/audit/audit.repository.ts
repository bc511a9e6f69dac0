// The reports and conflicts of one device in the database: the server's side of an audit.

import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { describeReport, reportColumns, type StoredReport } from "../ingestion/report.row.js";

export interface ReportCursor {
  readonly epoch: string;
  readonly sequence: number;
}

export interface ReportPage {
  readonly reports: readonly StoredReport[];
  /** Whether there are reports behind this page. */
  readonly more: boolean;
}

/** A message that came under the identity of a stored report with another body. */
export interface StoredConflict extends ReportCursor {
  readonly bodySha256: string;
  readonly sizeBytes: number;
}

export interface AuditRepository {
  deviceExists(id: string): Promise<boolean>;
  /** The reports behind `after`, in the order of epoch and sequence. */
  reportsOfDevice(device: string, after?: ReportCursor): Promise<ReportPage>;
  conflictsOfDevice(device: string): Promise<StoredConflict[]>;
}

/** The reports in one page of an audit. A device keeps one epoch and a few thousand reports. */
const auditPage = 5_000;

export function createAuditRepository(prisma: PrismaClient): AuditRepository {
  async function deviceExists(id: string): Promise<boolean> {
    return (await prisma.device.count({ where: { id } })) === 1;
  }

  async function reportsOfDevice(device: string, after?: ReportCursor): Promise<ReportPage> {
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
    return { reports: rows.map(describeReport), more: rows.length === auditPage };
  }

  async function conflictsOfDevice(device: string): Promise<StoredConflict[]> {
    return prisma.reportConflict.findMany({
      where: { deviceId: device },
      select: { epoch: true, sequence: true, bodySha256: true, sizeBytes: true },
      orderBy: [{ epoch: "asc" }, { sequence: "asc" }],
      take: auditPage,
    });
  }

  return { deviceExists, reportsOfDevice, conflictsOfDevice };
}
