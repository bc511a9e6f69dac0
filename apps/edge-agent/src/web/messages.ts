// The calls between a page and the worker that hosts its agent, by name, each with the contract of
// its input and output.

import {
  agentStatusSchema,
  agreedSchema,
  agreeInputSchema,
  calendarSchema,
  diaryCopiesSchema,
  diaryCopySchema,
  enrolInputSchema,
  enrolmentSchema,
  entriesInputSchema,
  entriesSchema,
  exportInputSchema,
  faultSchema,
  forgottenSchema,
  importedSchema,
  journalRangeSchema,
  journalSchema,
  keepInputSchema,
  keptSchema,
  labelInputSchema,
  labelledSchema,
  learnedSchema,
  learnInputSchema,
  letInSchema,
  predictInputSchema,
  predictionSchema,
  reportedSchema,
  utteranceIdSchema,
} from "@attune/shared/contracts/local-api";
import { eventsInputSchema, eventsSchema } from "@attune/shared/contracts/local-events";
import { z } from "zod";
import type { Agent } from "../core/agent-api.js";

const nothingSchema = z.undefined();

/** A signal crosses as a message of its own. */
export const agentCalls = {
  enrol: { input: enrolInputSchema, output: enrolmentSchema },
  start: { input: nothingSchema, output: nothingSchema },
  predict: { input: predictInputSchema, output: predictionSchema },
  label: { input: labelInputSchema, output: labelledSchema },
  forget: { input: utteranceIdSchema, output: forgottenSchema },
  keep: { input: keepInputSchema, output: keptSchema },
  entries: { input: entriesInputSchema.optional(), output: entriesSchema },
  calendar: { input: nothingSchema, output: calendarSchema },
  exportEntries: { input: exportInputSchema.optional(), output: diaryCopiesSchema },
  importEntry: { input: diaryCopySchema, output: importedSchema },
  learn: { input: learnInputSchema.optional(), output: learnedSchema },
  status: { input: nothingSchema, output: agentStatusSchema },
  journal: { input: journalRangeSchema.optional(), output: journalSchema },
  agree: { input: agreeInputSchema, output: agreedSchema },
  letIn: { input: nothingSchema, output: letInSchema },
  report: { input: nothingSchema, output: reportedSchema },
  events: { input: eventsInputSchema, output: eventsSchema },
} as const satisfies Record<keyof Agent, { input: z.ZodType; output: z.ZodType }>;

export type CallName = keyof typeof agentCalls;
export type CallInput<Name extends CallName> = z.infer<(typeof agentCalls)[Name]["input"]>;
export type CallOutput<Name extends CallName> = z.infer<(typeof agentCalls)[Name]["output"]>;

const callIdSchema = z.int().min(1);

export const requestSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("call"),
    id: callIdSchema,
    name: z.enum(Object.keys(agentCalls) as CallName[]),
    input: z.unknown(),
  }),
  z.strictObject({ kind: z.literal("abort"), id: callIdSchema }),
]);
export type Request = z.infer<typeof requestSchema>;

export const replySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("output"), id: callIdSchema, output: z.unknown() }),
  z.strictObject({ kind: z.literal("fault"), id: callIdSchema, fault: faultSchema }),
]);
export type Reply = z.infer<typeof replySchema>;
