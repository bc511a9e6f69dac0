// Reports: the messages that a device publishes on NATS.

import { z } from "zod";
import type { Contracts, Judged, Message } from "./egress.js";

export type ReportType = "report.metrics" | "report.state" | "report.device" | "report.slot" | "report.verdict";
export type Report = Message<ReportType>;

/** The most bytes that any report can take on the wire. A longer report is refused before it is parsed. */
export const reportLimitBytes = 1_024;

/** Strips what it does not name: it reads the version and the type, whose own schema judges the rest. */
const headSchema = z.object({ contract: z.int().min(1), type: z.string() });

/** Judges the JSON value of a report by the schema that its own version and type name. */
export function judgeReport(contracts: Contracts, value: unknown): Judged<Report> {
  const head = headSchema.safeParse(value);
  if (!head.success) return { ok: false, reason: "notInContract", issues: head.error.issues };
  const { contract, type } = head.data;
  if (!contracts.versions.includes(contract)) return { ok: false, reason: "unknownContract", issues: [] };
  if (contracts.declaration(contract, type)?.path !== "nats") return { ok: false, reason: "unknownType", issues: [] };
  return contracts.judge(type as ReportType, value);
}
