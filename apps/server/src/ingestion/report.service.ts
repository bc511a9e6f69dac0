// The reports of the fleet for its manager: a list, a summary by device, and averages over devices.

import { type Contracts, createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { averageBlocks, fewestDevices } from "./fleet-averages.js";
import type { ReportRepository } from "./report.repository.js";
import { shownBody } from "./shown-body.js";

export type ReportService = ReturnType<typeof createReportService>;

/** `contracts` holds every version that stored reports may have, including those that the server takes no more. */
export function createReportService(
  repository: ReportRepository,
  contracts: Contracts = createContracts(demoContracts),
) {
  /** The reports, the latest first, without the fields about the person. */
  async function list(filter: Parameters<ReportRepository["listReports"]>[0]) {
    const reports = await repository.listReports(filter);
    return reports.map(({ body, ...report }) => ({ ...report, body: shownBody(contracts, body) }));
  }

  /** The averages of each fleet by release, or of one fleet. */
  async function average(fleet?: string) {
    return { fewestDevices, releases: averageBlocks(await repository.latestBlocks(fleet)) };
  }

  /** The number of stored reports, and the latest metrics of each device. */
  async function summarise(device?: string) {
    const [counts, metrics, deadLetters, conflicts] = await Promise.all([
      repository.countReports(device),
      repository.latestMetrics(device),
      repository.countDeadLetters(device),
      repository.countConflicts(device),
    ]);
    const devices = [...new Set(counts.map((count) => count.device))].sort().map((id) => {
      const own = counts.filter((count) => count.device === id);
      const countOf = (type: string) => own.find((count) => count.type === type)?.reports ?? 0;
      return {
        device: id,
        reports: own.reduce((sum, count) => sum + count.reports, 0),
        bytes: own.reduce((sum, count) => sum + count.bytes, 0),
        slots: countOf("report.slot"),
        verdicts: countOf("report.verdict"),
        latestMetrics: metrics.get(id) ?? null,
      };
    });
    return { reports: devices.reduce((sum, row) => sum + row.reports, 0), conflicts, deadLetters, devices };
  }

  return { list, summarise, average };
}
