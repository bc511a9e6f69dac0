// The reports of the fleet for its manager: a list, and a summary by device.
import type { ReportRepository } from "./report.repository.js";

export type ReportService = ReturnType<typeof createReportService>;

export function createReportService(repository: ReportRepository) {
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
      return {
        device: id,
        reports: own.reduce((sum, count) => sum + count.reports, 0),
        bytes: own.reduce((sum, count) => sum + count.bytes, 0),
        latestMetrics: metrics.get(id) ?? null,
      };
    });
    return { reports: devices.reduce((sum, row) => sum + row.reports, 0), conflicts, deadLetters, devices };
  }

  return { list: repository.listReports, summarise };
}
