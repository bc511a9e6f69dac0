// `attune audit`: compares a device's own journal with the reports that the server holds of the device.

import { readFile } from "node:fs/promises";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { journalEntrySchema } from "@attune/shared/contracts/audit";
import { createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { type AuditResult, auditJournal, deviceOf } from "../audit/journal-audit.js";
import { fetchReports } from "../client/device-reports.js";
import { accessOf } from "./access.js";
import type { audit } from "./declarations/fleet.js";

export const runAudit: Body<typeof audit, CommandIo> = async ({ values }, io) => {
  const journal = await readJournal(values.journal);
  const device = deviceOf(journal.flatMap((entry) => journalEntrySchema.safeParse(entry).data ?? []));
  const reports = device === null ? [] : await fetchReports(await accessOf(values), device);
  const result = auditJournal(journal, reports, createContracts(demoContracts));
  if (io.json) io.stdout(JSON.stringify(result));
  else for (const line of describe(result)) io.stdout(line);
  return result.verdict === "inconsistent" ? 1 : 0;
};

async function readJournal(path: string): Promise<unknown[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const remedy = "name the file that attune-agent journal --json wrote";
    throw new AppError("INVALID_INPUT", `--journal ${path} cannot be read (${cause.code}); ${remedy}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `--journal ${path} is not JSON`, { cause });
  }
  const entries = Array.isArray(value) ? value : (value as { entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) {
    throw new AppError("INVALID_INPUT", `--journal ${path} is neither a list of entries nor {"entries": […]}`);
  }
  return entries;
}

function* describe(result: AuditResult): Generator<string> {
  const { verdict, device, entries, bytes, capacityBits, personBits, letters } = result;
  yield `device ${device ?? "(unknown: the journal names none)"}: ${verdict}`;
  yield `${counted(entries, "message")} left it, ${counted(bytes, "byte")}; together they can say at most ${capacityBits.toFixed(1)} bits`;
  yield `about the person at most ${personBits.ever.toFixed(1)} bits, which could spell ${counted(letters.ever, "letter")}`;
  if (personBits.lastSlot !== null) {
    const { slot, bits } = personBits.lastSlot;
    yield `the last slot, number ${slot}, has ${bits.toFixed(1)} of them, or ${counted(letters.lastSlot, "letter")}`;
  }
  for (const fault of result.faults) yield `journal: ${fault}`;
  if (result.epochs.length > 1)
    yield `it began ${result.epochs.length} epochs: its store was put back to an earlier copy`;
  for (const list of ["missing", "beforeRestore", "extra", "altered"] as const) {
    for (const { epoch, sequence } of result[list]) yield `${list}: report ${sequence} of epoch ${epoch}`;
  }
}
