// `attune report`: shows the reports of the fleet's devices.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { noValue, tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { reportList, reportSummary } from "./declarations/fleet.js";

export const listReports: Body<typeof reportList, CommandIo> = async ({ values }, io) => {
  const { limit } = values;
  const reports = await askServer(await accessOf(values), (client) =>
    client.report.list.query({ ...filterOf(values), limit }),
  );
  if (io.json) {
    io.stdout(JSON.stringify({ reports }));
    return;
  }
  const rows = reports.map(({ device, sequence, type, releaseSequence, receivedAt, body }) => ({
    device,
    sequence,
    type,
    release: releaseSequence,
    said:
      type === "report.state"
        ? `${body.state} ${body.reason}`
        : `F1 ${body.f1Prior ?? noValue} → ${body.f1Personal ?? noValue}`,
    received: receivedAt,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const sumUpReports: Body<typeof reportSummary, CommandIo> = async ({ values }, io) => {
  const filter = filterOf(values);
  const summary = await askServer(await accessOf(values), (client) => client.report.summary.query(filter));
  if (io.json) {
    io.stdout(JSON.stringify(summary));
    return;
  }
  const dead = Object.entries(summary.deadLetters).map(([reason, count]) => `${count} ${reason}`);
  io.stdout(
    `${counted(summary.reports, "report")}, ${counted(summary.conflicts, "conflict")}, refused: ${dead.join(", ") || "none"}`,
  );
  const rows = summary.devices.map(({ device, reports, bytes, latestMetrics }) => ({
    device,
    reports,
    bytes,
    utterances: latestMetrics?.utterances ?? null,
    "F1 prior": latestMetrics?.f1Prior ?? null,
    "F1 personal": latestMetrics?.f1Personal ?? null,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

function filterOf({ device }: { readonly device: string | undefined }): { readonly device?: string } {
  return device === undefined ? {} : { device };
}
