// The reports and conflicts of one device in the database: the server's side of an audit.

import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { describeReport, reportColumns } from "../ingestion/report.row.js";

export type AuditRepository = ReturnType<typeof createAuditRepository>;

/** The reports in one page of an audit. A device keeps one epoch and a few thousand reports. */
const auditPage = 5_000;

export function createAuditRepository(prisma: PrismaClient) {
  async function deviceExists(id: string): Promise<boolean> {
    return (await prisma.device.count({ where: { id } })) === 1;
  }

  /** The reports behind `after`, in the order of epoch and sequence. */
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
    return { reports: rows.map(describeReport), more: rows.length === auditPage };
  }

  async function conflictsOfDevice(device: string) {
    return prisma.reportConflict.findMany({
      where: { deviceId: device },
      select: { epoch: true, sequence: true, bodySha256: true, sizeBytes: true },
      orderBy: [{ epoch: "asc" }, { sequence: "asc" }],
      take: auditPage,
    });
  }

  return { deviceExists, reportsOfDevice, conflictsOfDevice };
}
