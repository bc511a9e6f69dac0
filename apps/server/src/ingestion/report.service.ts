// The reports of the fleet for its manager: a list, a summary by device, and averages over devices.

import { type Contracts, createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { averageBlocks, type FleetAverage, minDevices } from "./fleet-averages.js";
import type { ReportCount, ReportFilter, ReportRepository, ReportWithBody } from "./report.repository.js";
import { type Body, shownBody } from "./shown-body.js";

interface DeviceSummary {
  readonly device: string;
  readonly reports: number;
  readonly bytes: number;
  readonly slots: number;
  readonly verdicts: number;
  readonly latestMetrics: Body | null;
}

export interface ReportSummary {
  readonly reports: number;
  readonly conflicts: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly devices: readonly DeviceSummary[];
}

export interface ReportService {
  /** The reports, the latest first, without the fields about the person. */
  list(filter: ReportFilter): Promise<ReportWithBody[]>;
  /** The number of stored reports, and the latest metrics of each device. */
  summarise(device?: string): Promise<ReportSummary>;
  /** The averages of each fleet by release, or of one fleet. */
  average(fleet?: string): Promise<{ readonly minDevices: number; readonly releases: readonly FleetAverage[] }>;
}

/** `contracts` holds every version that stored reports may have, including those that the server takes no more. */
export function createReportService(
  repository: ReportRepository,
  contracts: Contracts = createContracts(demoContracts),
): ReportService {
  return {
    async list(filter) {
      const reports = await repository.listReports(filter);
      return reports.map(({ body, ...report }) => ({ ...report, body: shownBody(contracts, body) }));
    },

    async average(fleet) {
      return { minDevices, releases: averageBlocks(await repository.latestBlocks(fleet)) };
    },

    async summarise(device) {
      const [counts, metrics, deadLetters, conflicts] = await Promise.all([
        repository.countReports(device),
        repository.latestMetrics(device),
        repository.countDeadLetters(device),
        repository.countConflicts(device),
      ]);
      const ids = [...new Set(counts.map((count) => count.device))].sort();
      const devices = ids.map((id) => ({ ...countsOf(id, counts), latestMetrics: metrics.get(id) ?? null }));
      return { reports: devices.reduce((sum, row) => sum + row.reports, 0), conflicts, deadLetters, devices };
    },
  };
}

function countsOf(device: string, counts: readonly ReportCount[]): Omit<DeviceSummary, "latestMetrics"> {
  const own = counts.filter((count) => count.device === device);
  const countOf = (type: string) => own.find((count) => count.type === type)?.reports ?? 0;
  return {
    device,
    reports: own.reduce((sum, count) => sum + count.reports, 0),
    bytes: own.reduce((sum, count) => sum + count.bytes, 0),
    slots: countOf("report.slot"),
    verdicts: countOf("report.verdict"),
  };
}
