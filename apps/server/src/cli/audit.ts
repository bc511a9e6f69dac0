// `attune audit`: a device's own journal against what the server holds of it.
import { readFile } from "node:fs/promises";
import { journalEntrySchema } from "@attune/shared/contracts/audit";
import { AppError } from "@attune/shared/errors";
import { type AuditResult, auditJournal, deviceOf } from "../audit/journal-audit.js";
import { fetchReports } from "./client/device-reports.js";
import type { Command } from "./command.js";
import { accessOf, parseFlags, refuseMore, required, serverOptions, serverOptionsHelp } from "./command-line.js";

const options = { journal: { type: "string" } } as const;

export const auditCommand: Command = {
  name: "audit",
  usage: `Usage: attune audit --journal FILE [options]

FILE is a device's journal as \`attune-agent journal --json\` writes it. Its chain of hashes, its numbering and every message
are checked against the egress contract, and its reports against those on the server, by hash.

Verdicts: consistent; pending (the latest reports are still on their way); restored (the device's store was put back to an
earlier copy, and its journal with it: the reports that left in between are listed); inconsistent. Exits 0, 0, 0 and 1.

  --journal FILE           the exported journal, a JSON array of entries or {"entries": […]}
${serverOptionsHelp}

Examples:
  attune-agent journal --json > journal.json && attune audit --journal journal.json
  attune audit --journal journal.json --server https://fleet.example --admin-token-file token --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("audit", argv, options);
    refuseMore(positionals, 0, "audit --journal FILE");
    const path = required(values.journal, "--journal", "the file of a device's exported journal");
    const journal = await readJournal(path);
    const device = deviceOf(journal.flatMap((entry) => journalEntrySchema.safeParse(entry).data ?? []));
    const reports = device === null ? [] : await fetchReports(await accessOf(values), device);
    const result = auditJournal(journal, reports);
    if (io.json) io.stdout(JSON.stringify(result));
    else for (const line of describe(result)) io.stdout(line);
    return result.verdict === "inconsistent" ? 1 : 0;
  },
};

async function readJournal(path: string): Promise<unknown[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new AppError("INVALID_INPUT", `--journal ${path}: cannot be read: ${cause.code}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `--journal ${path}: is not JSON`, { cause });
  }
  const entries = Array.isArray(value) ? value : (value as { entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) {
    throw new AppError("INVALID_INPUT", `--journal ${path}: is neither a list of entries nor {"entries": […]}`);
  }
  return entries;
}

function* describe(result: AuditResult): Generator<string> {
  const { verdict, device, entries, bytes, capacityBits } = result;
  yield `device ${device ?? "(unknown: the journal names none)"}: ${verdict}`;
  yield `${entries} messages left it, ${bytes} bytes; together they can say at most ${capacityBits.toFixed(1)} bits`;
  for (const fault of result.faults) yield `journal: ${fault}`;
  if (result.epochs.length > 1)
    yield `it began ${result.epochs.length} epochs: its store was put back to an earlier copy`;
  for (const list of ["missing", "beforeRestore", "extra", "altered"] as const) {
    for (const { epoch, sequence } of result[list]) yield `${list}: report ${sequence} of epoch ${epoch}`;
  }
}
