// The server's side of an audit: one device's reports, page by page.

import { AppError } from "@attune/shared/errors";
import type { AuditRepository, ReportCursor, ReportPage, StoredConflict } from "./audit.repository.js";

export interface DevicePage extends ReportPage {
  readonly device: string;
  readonly conflicts: readonly StoredConflict[];
}

export interface AuditService {
  /** Throws NOT_FOUND for an unknown device. */
  pageOfDevice(device: string, after?: ReportCursor): Promise<DevicePage>;
}

export function createAuditService(repository: AuditRepository): AuditService {
  return {
    async pageOfDevice(device, after) {
      if (!(await repository.deviceExists(device))) throw new AppError("NOT_FOUND", `there is no device ${device}`);
      const [page, conflicts] = await Promise.all([
        repository.reportsOfDevice(device, after),
        repository.conflictsOfDevice(device),
      ]);
      return { device, ...page, conflicts };
    },
  };
}
