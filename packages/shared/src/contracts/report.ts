// Reports: the two kinds of message that a device publishes on NATS, as one union for the server.

import { z } from "zod";
import { type Message, messageSchema } from "./egress.js";

export const reportTypes = ["report.metrics", "report.state"] as const;
export type ReportType = (typeof reportTypes)[number];
export type Report = Message<"report.metrics"> | Message<"report.state">;

/** The most bytes that any report can take on the wire. A longer report is refused before it is parsed. */
export const reportLimitBytes = 1_024;

/** Reads the type alone and strips every other field; the type's own schema then judges them. */
const reportTypeSchema = z.object({ type: z.enum(reportTypes) });

/** Parses the JSON value of a report by the schema that its own type names. */
export function safeParseReport(
  value: unknown,
): { success: true; data: Report } | { success: false; error: z.ZodError } {
  const typed = reportTypeSchema.safeParse(value);
  return typed.success ? messageSchema(typed.data.type).safeParse(value) : typed;
}
