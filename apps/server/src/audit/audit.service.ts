// The server's side of an audit: one device's reports, page by page.

import { AppError } from "@attune/shared/errors";
import type { AuditRepository } from "./audit.repository.js";

export type AuditService = ReturnType<typeof createAuditService>;

export interface ReportCursor {
  readonly epoch: string;
  readonly sequence: number;
}

export function createAuditService(repository: AuditRepository) {
  /** Throws NOT_FOUND for an unknown device. */
  async function pageOfDevice(device: string, after?: ReportCursor) {
    if (!(await repository.deviceExists(device))) throw new AppError("NOT_FOUND", `there is no device ${device}`);
    const [page, conflicts] = await Promise.all([
      repository.reportsOfDevice(device, after),
      repository.conflictsOfDevice(device),
    ]);
    return { device, ...page, conflicts };
  }

  return { pageOfDevice };
}
