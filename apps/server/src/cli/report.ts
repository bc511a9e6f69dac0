// `attune report`: what the fleet's devices have reported.

import { askServer } from "./client/fleet-client.js";
import type { Command } from "./command.js";
import {
  accessOf,
  chooseAction,
  parseCount,
  parseFlags,
  renderTable,
  serverOptions,
  serverOptionsHelp,
} from "./command-line.js";

const options = {
  device: { type: "string" },
  limit: { type: "string" },
} as const;

export const reportCommand: Command = {
  name: "report",
  usage: `Usage: attune report list [--device DEVICE] [--limit N] [options]
       attune report summary [--device DEVICE] [options]

  --device DEVICE          one device only
  --limit N                list at most so many, the latest first (default: 100, at most 1000)
${serverOptionsHelp}

Examples:
  attune report summary
  attune report list --device 0123456789abcdef0123456789abcdef --limit 10 --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("report", argv, options);
    const filter = values.device === undefined ? {} : { device: values.device };
    return chooseAction("report", positionals, {
      list: async () => {
        const limit = parseCount(values.limit ?? "100", "--limit", 1_000);
        const reports = await askServer(await accessOf(values), (client) =>
          client.report.list.query({ ...filter, limit }),
        );
        if (io.json) io.stdout(JSON.stringify({ reports }));
        else {
          const rows = reports.map(({ device, sequence, type, releaseSequence, receivedAt, body }) => ({
            device,
            sequence,
            type,
            release: releaseSequence,
            said: type === "report.state" ? `${body.state} ${body.reason}` : `F1 ${body.f1Prior} → ${body.f1Personal}`,
            received: receivedAt,
          }));
          for (const line of renderTable(rows)) io.stdout(line);
        }
        return 0;
      },
      summary: async () => {
        const summary = await askServer(await accessOf(values), (client) => client.report.summary.query(filter));
        if (io.json) io.stdout(JSON.stringify(summary));
        else {
          const dead = Object.entries(summary.deadLetters).map(([reason, count]) => `${count} ${reason}`);
          io.stdout(
            `${summary.reports} reports, ${summary.conflicts} conflicts, refused: ${dead.join(", ") || "none"}`,
          );
          const rows = summary.devices.map(({ device, reports, bytes, latestMetrics }) => ({
            device,
            reports,
            bytes,
            utterances: latestMetrics?.utterances ?? null,
            "F1 prior": latestMetrics?.f1Prior ?? null,
            "F1 personal": latestMetrics?.f1Personal ?? null,
          }));
          for (const line of renderTable(rows)) io.stdout(line);
        }
        return 0;
      },
    });
  },
};
