// What a program or a page asks of the agent on its own device, and what the agent answers. The daemon carries it as JSON over its local API, a
// browser's worker in messages. Nothing of it leaves the device.

import { z } from "zod";
import { AppError, type ErrorCode, errorTable, isErrorCode } from "../errors.js";
import { journalEntrySchema } from "./audit.js";
import { updateReasonSchema, updateStateSchema } from "./current-state.js";
import { emotionLabelSchema } from "./dataset.js";
import { headRecipeSchema } from "./release.js";

/** The longest utterance, in Unicode code points: the same for the core, the local API, the command and the worker. */
export const largestUtteranceCodePoints = 8_192;
/** The most bytes that a code point takes in UTF-8. */
const codePointBytes = 4;
/** The same in JSON, where a pair of escaped surrogates stands for one code point. */
const escapedCodePointBytes = 12;
export const largestUtteranceBytes = codePointBytes * largestUtteranceCodePoints;
/** The longest utterance, escaped as a whole, and room for the other fields. */
export const largestRequestBytes = escapedCodePointBytes * largestUtteranceCodePoints + 1_024;

/** The most entries of the journal in one answer. */
export const journalPageEntries = 10_000;

function isLongerThan(text: string, codePoints: number): boolean {
  // A code point is one UTF-16 unit or two.
  if (text.length <= codePoints) return false;
  if (text.length > 2 * codePoints) return true;
  return [...text].length > codePoints;
}

export const utteranceSchema = z
  .string()
  .refine((text) => text.trim() !== "", { error: "is empty", abort: true })
  .refine((text) => !isLongerThan(text, largestUtteranceCodePoints), {
    error: `is longer than ${largestUtteranceCodePoints} code points`,
  });

/** The caller's name for an utterance. */
export const utteranceIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -" });

export const splitSchema = z.enum(["train", "holdout"]);
export type Split = z.infer<typeof splitSchema>;

export const headChoiceSchema = z.enum(["prior", "personal"]);
export type HeadChoice = z.infer<typeof headChoiceSchema>;

const headKindSchema = z.enum(headRecipeSchema.options.map(({ shape }) => shape.kind.value));

const countSchema = z.int().min(0);
const utteranceCountsSchema = z.strictObject({ train: countSchema, holdout: countSchema });
export type UtteranceCounts = z.infer<typeof utteranceCountsSchema>;

const errorCodeSchema = z.enum(Object.keys(errorTable) as ErrorCode[]);

/** `token`: `attune1.…`. */
export const enrolInputSchema = z.strictObject({ token: z.string() });
export const enrolmentSchema = z.strictObject({ device: z.string(), fleet: z.string(), epoch: z.string() });
export type Enrolment = z.infer<typeof enrolmentSchema>;

export const predictInputSchema = z.strictObject({ text: utteranceSchema, id: utteranceIdSchema.optional() });
export type PredictInput = z.infer<typeof predictInputSchema>;
export const predictionSchema = z.strictObject({
  id: utteranceIdSchema.nullable(),
  label: emotionLabelSchema,
  probabilities: z.partialRecord(emotionLabelSchema, z.number()),
  head: headChoiceSchema,
  ms: z.number(),
});
export type Prediction = z.infer<typeof predictionSchema>;

export const labelInputSchema = z.strictObject({
  id: utteranceIdSchema,
  text: utteranceSchema,
  label: emotionLabelSchema,
  split: splitSchema.optional(),
});
export type LabelInput = z.infer<typeof labelInputSchema>;
export const labelledSchema = z.strictObject({
  id: utteranceIdSchema,
  split: splitSchema,
  utterances: utteranceCountsSchema,
});
export type Labelled = z.infer<typeof labelledSchema>;

/** `removed` is false where no such utterance was stored. */
export const forgottenSchema = z.strictObject({ removed: z.boolean() });
export type Forgotten = z.infer<typeof forgottenSchema>;

/** `report`: queue a metrics report about it, too. */
export const learnInputSchema = z.strictObject({ report: z.boolean().optional() });
export type LearnInput = z.infer<typeof learnInputSchema>;
export const learnedSchema = z.strictObject({
  head: headChoiceSchema,
  l2: z.number().nullable(),
  trainMs: z.number().nullable(),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  holdout: countSchema,
});
export type Learned = z.infer<typeof learnedSchema>;

const sentSchema = z.strictObject({ messages: countSchema, bytes: countSchema });

export const agentStatusSchema = z.strictObject({
  device: z.string().nullable(),
  fleet: z.string().nullable(),
  epoch: z.string().nullable(),
  /** One, and one more for each time that the store was found to be restored from a copy. */
  epochs: z.int().min(1),
  release: z
    .strictObject({
      sequence: countSchema,
      model: z.string(),
      modelVersion: z.string(),
      expiresAt: z.string(),
      /** By this device's clock. An expired release answers on, but should have been replaced. */
      expired: z.boolean(),
    })
    .nullable(),
  /** The server's latest answer; `stale` where it is too old to be the server's will still. */
  target: z
    .strictObject({
      release: countSchema.nullable(),
      issuedAt: z.string(),
      expiresAt: z.string(),
      stale: z.boolean(),
    })
    .nullable(),
  updateState: updateStateSchema,
  updateReason: updateReasonSchema,
  engine: z.strictObject({ name: z.string(), why: z.string() }),
  utterances: utteranceCountsSchema,
  head: z.strictObject({ kind: headKindSchema.nullable(), active: headChoiceSchema }),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  trainMs: z.number().nullable(),
  predictP50Ms: z.number().nullable(),
  predictP90Ms: z.number().nullable(),
  /** `held`: how often a metrics report was not made because the outbox was full. */
  outbox: z.strictObject({ pending: countSchema, limit: countSchema, held: countSchema }),
  sent: z.strictObject({
    messages: countSchema,
    bytes: countSchema,
    byPath: z.strictObject({ trpc: sentSchema, https: sentSchema, nats: sentSchema }),
  }),
  capacityBits: z.number(),
  /**
   * A verdict says one bit about the person: whether a release was taken. `count` verdicts were given here, the next may come after `nextInMs`,
   * and the release `waiting` waits for it.
   */
  verdicts: z.strictObject({ count: countSchema, nextInMs: z.number().min(0), waiting: countSchema.nullable() }),
  connected: z.strictObject({ server: z.boolean(), nats: z.boolean() }),
  /** Why the server or the broker could not be reached last time; null while all is well. */
  lastError: z.strictObject({ server: errorCodeSchema.nullable(), nats: errorCodeSchema.nullable() }),
});
export type AgentStatus = z.infer<typeof agentStatusSchema>;

const afterSchema = z.int().min(-1);
const limitSchema = z.int().min(1).max(journalPageEntries);
/** Entries with an index above `after`, oldest first, at most `limit`. */
export const journalRangeSchema = z.strictObject({ after: afterSchema.optional(), limit: limitSchema.optional() });
export type JournalRange = z.infer<typeof journalRangeSchema>;
/** The same range in the query of an address, where numbers are text. */
export const journalQuerySchema = z.strictObject({
  after: z.coerce.number().pipe(afterSchema).optional(),
  limit: z.coerce.number().pipe(limitSchema).optional(),
});
export const journalSchema = z.array(journalEntrySchema);
export const journalPageSchema = z.strictObject({ entries: journalSchema });

export const reportInputSchema = z.strictObject({});
export const reportedSchema = z.strictObject({ sequence: z.int().min(1) });
export type Reported = z.infer<typeof reportedSchema>;

/** An error as it crosses. `message` names a field, file or port, and never repeats an input. */
export const faultSchema = z.strictObject({ code: z.string(), message: z.string(), remedy: z.string() });
export type Fault = z.infer<typeof faultSchema>;
export const errorReplySchema = z.strictObject({ error: faultSchema });

export function faultOf({ code, message, remedy }: AppError): Fault {
  return { code, message, remedy };
}

export function errorReply(error: AppError): z.infer<typeof errorReplySchema> {
  return { error: faultOf(error) };
}

/** The error at the other end. A code that is not known here is INTERNAL. */
export function errorOf({ code, message }: Fault): AppError {
  return new AppError(isErrorCode(code) ? code : "INTERNAL", message);
}

/** The local API's routes. */
export const localRoutes = {
  predict: { method: "POST", path: "/v1/predictions" },
  label: { method: "PUT", path: "/v1/utterances/:id" },
  forget: { method: "DELETE", path: "/v1/utterances/:id" },
  learn: { method: "POST", path: "/v1/learn" },
  status: { method: "GET", path: "/v1/status" },
  journal: { method: "GET", path: "/v1/journal" },
  report: { method: "POST", path: "/v1/report" },
} as const;
export type LocalCall = keyof typeof localRoutes;
