// `attune report`: shows the reports of the fleet's devices.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { noValue, tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { reportAverages, reportList, reportSummary } from "./declarations/fleet.js";

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
    said: saidInWords(type, body),
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
  const rows = summary.devices.map(({ device, reports, bytes, slots, verdicts, latestMetrics }) => ({
    device,
    reports,
    bytes,
    slots,
    verdicts,
    utterances: latestMetrics?.utterances ?? null,
    "F1 prior": latestMetrics?.f1Prior ?? null,
    "F1 personal": latestMetrics?.f1Personal ?? null,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const averageReports: Body<typeof reportAverages, CommandIo> = async ({ values }, io) => {
  const { fleet } = values;
  const input = fleet === undefined ? {} : { fleet };
  const { minDevices, releases } = await askServer(await accessOf(values), (client) =>
    client.report.averages.query(input),
  );
  if (io.json) {
    io.stdout(JSON.stringify({ minDevices, releases }));
    return;
  }
  const rows = releases.map(({ fleet, releaseSequence, devices, averages }) => ({
    fleet,
    release: releaseSequence,
    devices,
    "prior head": averages === null ? "too few devices" : inPercent(averages.prior),
    "answering head": averages && inPercent(averages.answering),
    gain: averages && inPercent(averages.difference),
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

function inPercent({
  mean,
  low,
  high,
}: {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  return `${percent(mean)}% [${percent(low)}, ${percent(high)}]`;
}

type ReportBody = Readonly<Record<string, string | number | null | undefined>>;

/** A slot and a verdict are shown as sent. Their content is shown in sums over devices alone. */
function saidInWords(type: string, body: ReportBody): string {
  const value = (name: string) => body[name] ?? noValue;
  switch (type) {
    case "report.state":
      return `${value("state")} ${value("reason")}`;
    case "report.metrics":
      return `F1 ${value("f1Prior")} → ${value("f1Personal")}`;
    case "report.device":
      return `${value("engine")}, p50 ${value("predictP50")} µs, p90 ${value("predictP90")} µs`;
    case "report.slot":
      return `slot ${value("slot")}`;
    default:
      return noValue;
  }
}

function filterOf({ device }: { readonly device: string | undefined }): { readonly device?: string } {
  return device === undefined ? {} : { device };
}
