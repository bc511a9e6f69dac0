// The operations of the local API: each route with the contract of its request and reply. The daemon answers them, the
// clients ask them, and the OpenAPI document describes them.

import type { z } from "zod";
import {
  agentStatusSchema,
  agreedSchema,
  agreeInputSchema,
  calendarSchema,
  diaryCopiesSchema,
  diaryCopySchema,
  entriesInputSchema,
  entriesSchema,
  exportInputSchema,
  forgottenSchema,
  importedSchema,
  journalPageSchema,
  journalRangeSchema,
  keepInputSchema,
  keptSchema,
  labelInputSchema,
  labelledSchema,
  learnedSchema,
  learnInputSchema,
  letInInputSchema,
  letInSchema,
  predictInputSchema,
  predictionSchema,
  reportedSchema,
  reportInputSchema,
} from "./local-api.js";
import { type LocalCall, localRoutes } from "./local-routes.js";

export interface LocalOperation {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `:id` stands for an utterance's id. */
  readonly path: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  /** Whether a request without a body counts as one with an empty object. */
  readonly bodyOptional?: boolean;
  readonly query?: z.ZodObject;
  readonly reply: z.ZodType;
  /** Whether the token that may only predict is enough. */
  readonly predictToken?: boolean;
}

export const localOperations = {
  predict: {
    ...localRoutes.predict,
    summary: "Predicts the emotion of a text. Nothing of the text is stored.",
    body: predictInputSchema,
    reply: predictionSchema,
    predictToken: true,
  },
  label: {
    ...localRoutes.label,
    summary: "Stores a text with its true label, or corrects the label. The agent learns from it.",
    body: labelInputSchema.omit({ id: true }),
    reply: labelledSchema,
  },
  forget: {
    ...localRoutes.forget,
    summary: "Removes a stored text for good and unlearns it.",
    reply: forgottenSchema,
  },
  keep: {
    ...localRoutes.keep,
    summary: "Keeps a text in the diary, without a label.",
    body: keepInputSchema.omit({ id: true }),
    reply: keptSchema,
  },
  entries: {
    ...localRoutes.entries,
    summary: "Lists a page of the diary, the latest entry first.",
    body: entriesInputSchema,
    bodyOptional: true,
    reply: entriesSchema,
  },
  calendar: {
    ...localRoutes.calendar,
    summary: "Counts the entries of the diary by day and label.",
    reply: calendarSchema,
  },
  exportEntries: {
    ...localRoutes.exportEntries,
    summary: "Copies a page of the diary, for a file of the person.",
    body: exportInputSchema,
    bodyOptional: true,
    reply: diaryCopiesSchema,
  },
  importEntry: {
    ...localRoutes.importEntry,
    summary: "Takes a copied entry in, unless it is here or was forgotten here. The agent learns from its label.",
    body: diaryCopySchema,
    reply: importedSchema,
  },
  learn: {
    ...localRoutes.learn,
    summary: "Learns from all stored labels now.",
    body: learnInputSchema,
    bodyOptional: true,
    reply: learnedSchema,
  },
  status: {
    ...localRoutes.status,
    summary: "Shows the release, the head, the speed, and the amount that has left the device.",
    reply: agentStatusSchema,
  },
  journal: {
    ...localRoutes.journal,
    summary: "Lists messages that have left the device, the oldest first.",
    query: journalRangeSchema,
    reply: journalPageSchema,
  },
  report: {
    ...localRoutes.report,
    summary: "Queues a metrics report now, where the egress contract has such a report.",
    body: reportInputSchema,
    bodyOptional: true,
    reply: reportedSchema,
  },
  agree: {
    ...localRoutes.agree,
    summary: "Agrees to the egress contract up to a version, or takes back later versions.",
    body: agreeInputSchema,
    reply: agreedSchema,
  },
  letIn: {
    ...localRoutes.letIn,
    summary: "Takes the release that waits for its verdict, without a verdict.",
    body: letInInputSchema,
    bodyOptional: true,
    reply: letInSchema,
  },
} as const satisfies Record<LocalCall, LocalOperation>;
