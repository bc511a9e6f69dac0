// Fetches all reports of a device that the server holds, page by page: one side of an audit.

import type { ServerReport } from "../audit/journal-audit.js";
import { askServer, type ServerAccess } from "./fleet-client.js";

/** The reports in the order of epoch and sequence. */
export async function fetchReports(access: ServerAccess, device: string): Promise<ServerReport[]> {
  const reports: ServerReport[] = [];
  for (let more = true; more; ) {
    const last = reports.at(-1);
    const after = last === undefined ? {} : { after: { epoch: last.epoch, sequence: last.sequence } };
    const page = await askServer(access, (client) => client.audit.device.query({ device, ...after }));
    reports.push(...page.reports.map(({ epoch, sequence, sha256 }) => ({ epoch, sequence, sha256 })));
    more = page.more;
  }
  return reports;
}
