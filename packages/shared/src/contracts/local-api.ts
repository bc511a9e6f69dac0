// The requests of a program or a page to the agent on its own device, and the agent's answers. None of them leaves the
// device. The daemon carries them as JSON over its local API, and a browser's worker carries them in messages.

import { z } from "zod";
import { AppError, type ErrorCode, errorTable, isErrorCode } from "../errors.js";
import { journalEntrySchema } from "./audit.js";
import { updateReasonSchema, updateStateSchema } from "./current-state.js";
import { labelSetSchema, labelSlugSchema } from "./label-set.js";
import { headRecipeSchema } from "./release.js";

/** The longest utterance, in Unicode code points: the same for the core, the local API, the command and the worker. */
export const maxUtteranceCodePoints = 8_192;
/** The most bytes that a code point takes in UTF-8. */
const codePointBytes = 4;
/** The most bytes that a code point takes in JSON, where a pair of escaped surrogates stands for one code point. */
const escapedCodePointBytes = 12;
export const maxUtteranceBytes = codePointBytes * maxUtteranceCodePoints;
/** Holds the longest utterance with every character escaped, and leaves room for the other fields. */
export const maxRequestBytes = escapedCodePointBytes * maxUtteranceCodePoints + 1_024;

/** The most entries of the journal in one answer. */
export const journalPageEntries = 10_000;

function isLongerThan(text: string, codePoints: number): boolean {
  // A code point takes one UTF-16 unit or two.
  if (text.length <= codePoints) return false;
  if (text.length > 2 * codePoints) return true;
  return [...text].length > codePoints;
}

export const utteranceSchema = z
  .string()
  .refine((text) => text.trim() !== "", { error: "is empty", abort: true })
  .refine((text) => !isLongerThan(text, maxUtteranceCodePoints), {
    error: `is longer than ${maxUtteranceCodePoints} code points`,
  })
  // A JSON schema says the refinements so. Its lengths count code points, too.
  .meta({ pattern: "\\S", maxLength: maxUtteranceCodePoints });

/** The caller's name for an utterance. */
export const utteranceIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -" });

export const splitSchema = z.enum(["train", "holdout"]);
export type Split = z.infer<typeof splitSchema>;

const headChoiceSchema = z.enum(["prior", "personal"]);
export type HeadChoice = z.infer<typeof headChoiceSchema>;

const headKindSchema = z.enum(headRecipeSchema.options.map(({ shape }) => shape.kind.value));

const countSchema = z.int().min(0);
export const utteranceCountsSchema = z.strictObject({ train: countSchema, holdout: countSchema });
export type UtteranceCounts = z.infer<typeof utteranceCountsSchema>;

const errorCodeSchema = z.enum(Object.keys(errorTable) as ErrorCode[]);

/** `token` begins with `attune1.`. */
export const enrolInputSchema = z.strictObject({ token: z.string() });
export const enrolmentSchema = z.strictObject({ device: z.string(), fleet: z.string(), epoch: z.string() });
export type Enrolment = z.infer<typeof enrolmentSchema>;

export const predictInputSchema = z.strictObject({ text: utteranceSchema, id: utteranceIdSchema.optional() });
export type PredictInput = z.infer<typeof predictInputSchema>;
export const predictionSchema = z.strictObject({
  id: utteranceIdSchema.nullable(),
  label: labelSlugSchema,
  /** The labels that may be meant, the most probable first. It holds the person's label nine times in ten. */
  predictionSet: z.array(labelSlugSchema).min(1),
  probabilities: z.record(labelSlugSchema, z.number()),
  head: headChoiceSchema,
  ms: z.number(),
});
export type Prediction = z.infer<typeof predictionSchema>;

/** The person's local time with its offset from UTC, to the second: 2026-03-29T23:15:00+02:00. */
export const saidSchema = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/, {
    error: "must be a local time with its offset, as in 2026-03-29T23:15:00+02:00",
  })
  .refine((said) => !Number.isNaN(Date.parse(said)), { error: "is no time of any calendar" });

export const labelInputSchema = z.strictObject({
  id: utteranceIdSchema,
  text: utteranceSchema,
  label: labelSlugSchema,
  split: splitSchema.optional(),
  /** Left out, the time that is stored stays. */
  said: saidSchema.optional(),
});
export type LabelInput = z.infer<typeof labelInputSchema>;
export const labelledSchema = z.strictObject({
  id: utteranceIdSchema,
  split: splitSchema,
  utterances: utteranceCountsSchema,
});
export type Labelled = z.infer<typeof labelledSchema>;

/** Keeps a text in the diary, without a label. */
export const keepInputSchema = z.strictObject({
  id: utteranceIdSchema,
  text: utteranceSchema,
  said: saidSchema.optional(),
});
export type KeepInput = z.infer<typeof keepInputSchema>;
export const keptSchema = z.strictObject({ id: utteranceIdSchema });
export type Kept = z.infer<typeof keptSchema>;

const daySchema = z.string().regex(/^\d{4}-\d\d-\d\d$/, { error: "must be a day, as in 2026-03-29" });
/** The entries that hold `search` (in any case), have `label` (null: none), and were said on a day in [from, to]. */
export const entriesInputSchema = z.strictObject({
  search: z.string().max(200).optional(),
  label: labelSlugSchema.nullable().optional(),
  from: daySchema.optional(),
  to: daySchema.optional(),
  /** The id of the entry that the answer begins after. */
  after: utteranceIdSchema.optional(),
  limit: z.int().min(1).max(200).optional(),
});
export type EntriesInput = z.infer<typeof entriesInputSchema>;
export const entriesSchema = z.strictObject({
  /** The latest first. Entries without a time come last. */
  entries: z.array(
    z.strictObject({
      id: utteranceIdSchema,
      text: z.string(),
      label: labelSlugSchema.nullable(),
      said: saidSchema.nullable(),
    }),
  ),
  /** Whether there are more after the last one. */
  more: z.boolean(),
});
export type Entries = z.infer<typeof entriesSchema>;

/** An entry as it is copied to another store. `forgotten`: how often its id was forgotten before it was said. */
export const diaryCopySchema = z.strictObject({
  id: utteranceIdSchema,
  text: utteranceSchema,
  label: labelSlugSchema.nullable(),
  split: splitSchema,
  said: saidSchema.nullable(),
  forgotten: z.int().min(0).max(1_000),
});
export type DiaryCopy = z.infer<typeof diaryCopySchema>;

export const exportInputSchema = z.strictObject({
  /** The id of the entry that the answer begins after. */
  after: utteranceIdSchema.optional(),
  limit: z.int().min(1).max(200).optional(),
});
export type ExportInput = z.infer<typeof exportInputSchema>;
/** In the order of the ids. */
export const diaryCopiesSchema = z.strictObject({ entries: z.array(diaryCopySchema), more: z.boolean() });
export type DiaryCopies = z.infer<typeof diaryCopiesSchema>;

/** `present`: the entry was here already, and stayed as it is. `forgotten`: it was forgotten here, and stays away. */
export const importedSchema = z.strictObject({ outcome: z.enum(["added", "present", "forgotten"]) });
export type Imported = z.infer<typeof importedSchema>;

/** The number of entries by day and label. */
export const calendarSchema = z.strictObject({
  days: z.array(
    z.strictObject({ day: daySchema, entries: countSchema, labels: z.record(labelSlugSchema, countSchema) }),
  ),
});
export type Calendar = z.infer<typeof calendarSchema>;

/**
 * `removed` is false where no such utterance was stored. `retrained` says whether a head had learned, and learned anew
 * without the utterance; nothing removed, and an agent of an earlier release, leave it out.
 */
export const forgottenSchema = z.strictObject({ removed: z.boolean(), retrained: z.boolean().optional() });
export type Forgotten = z.infer<typeof forgottenSchema>;

/** With `report`, a metrics report about the training is queued, too. */
export const learnInputSchema = z.strictObject({ report: z.boolean().optional() });
export type LearnInput = z.infer<typeof learnInputSchema>;
export const learnedSchema = z.strictObject({
  head: headChoiceSchema,
  trainMs: z.number().nullable(),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  holdout: countSchema,
});
export type Learned = z.infer<typeof learnedSchema>;

const sentSchema = z.strictObject({ messages: countSchema, bytes: countSchema });

/** The newest version of the egress contract that the person agrees to. */
export const agreeInputSchema = z.strictObject({ contract: z.int().min(1) });
/** The version that new messages speak, and the newest that the person has agreed to. */
export const agreedSchema = z.strictObject({ spoken: z.int().min(1), agreed: z.int().min(1) });

const mixtureStatusSchema = z.strictObject({
  /** `weight`: the expert's share in the next prediction. The weights sum to 1. */
  experts: z.array(z.strictObject({ name: z.string(), weight: z.number().min(0) })),
  labels: countSchema,
  /**
   * The log-loss of the mixture's answers above the best expert's, in nats, summed over the labels; negative where the
   * mixture was better. It is never above `atMost`.
   */
  behindBest: z.number(),
  atMost: z.number(),
});

export const agentStatusSchema = z.strictObject({
  device: z.string().nullable(),
  fleet: z.string().nullable(),
  epoch: z.string().nullable(),
  /** 1, plus 1 for each time that the store was found to be restored from a copy. */
  epochs: z.int().min(1),
  release: z
    .strictObject({
      sequence: countSchema,
      model: z.string(),
      modelVersion: z.string(),
      /** In the order of the head's classes. */
      labels: labelSetSchema,
      expiresAt: z.string(),
      /**
       * Judged by this device's clock. The device still answers by an expired release, which should have been replaced.
       */
      expired: z.boolean(),
    })
    .nullable(),
  /** The server's latest answer. `stale` says that it is too old to be taken for the server's present intention. */
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
  /** The labels that the release does not know, each with the utterances that wait for a release that does. */
  waiting: z.array(z.strictObject({ label: labelSlugSchema, utterances: z.int().min(1) })),
  head: z.strictObject({ kind: headKindSchema.nullable(), active: headChoiceSchema }),
  /** The experts that answer together; null before the first release. */
  mixture: mixtureStatusSchema.nullable(),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  trainMs: z.number().nullable(),
  predictP50Ms: z.number().nullable(),
  predictP90Ms: z.number().nullable(),
  /** `held` counts the metrics reports that were not made because the outbox was full. */
  outbox: z.strictObject({ pending: countSchema, limit: countSchema, held: countSchema }),
  sent: z.strictObject({
    messages: countSchema,
    bytes: countSchema,
    byPath: z.strictObject({ trpc: sentSchema, https: sentSchema, nats: sentSchema }),
  }),
  /** The most bits of information that everything that has left can hold. */
  capacityBits: z.number(),
  /**
   * The part of these bits that is about the person: ever, and in the report slot under way (null where the
   * contract has no slots).
   */
  person: z.strictObject({
    bits: z.number().min(0),
    slot: z
      .strictObject({
        number: countSchema,
        bits: z.number().min(0),
        budgetBits: z.number().min(0),
        endsInMs: z.number().min(0),
        /** Null where the slot's report has left. */
        reportDueInMs: z.number().min(0).nullable(),
      })
      .nullable(),
  }),
  contract: agreedSchema,
  /**
   * A verdict says one bit about the person: whether a release was taken. `count` verdicts were given here, and the
   * next may come after `nextInMs`. The release `waiting` waits for its verdict.
   */
  verdicts: z.strictObject({ count: countSchema, nextInMs: z.number().min(0), waiting: countSchema.nullable() }),
  connected: z.strictObject({ server: z.boolean(), nats: z.boolean() }),
  /** Why the last attempt to reach the server or the broker failed; null after a success. */
  lastError: z.strictObject({ server: errorCodeSchema.nullable(), nats: errorCodeSchema.nullable() }),
});
export type AgentStatus = z.infer<typeof agentStatusSchema>;

export const letInInputSchema = z.strictObject({});
/** The release that waited for its verdict and is let in without a verdict; null where none waited. */
export const letInSchema = z.strictObject({ release: z.int().min(1).nullable() });
export type LetIn = z.infer<typeof letInSchema>;

const afterSchema = z.int().min(-1);
const limitSchema = z.int().min(1).max(journalPageEntries);
/** Entries with an index above `after`, oldest first, at most `limit`. */
export const journalRangeSchema = z.strictObject({ after: afterSchema.optional(), limit: limitSchema.optional() });
export type JournalRange = z.infer<typeof journalRangeSchema>;
/** The same range in an address's query, where numbers are text. */
export const journalQuerySchema = z.strictObject({
  after: z.coerce.number().pipe(afterSchema).optional(),
  limit: z.coerce.number().pipe(limitSchema).optional(),
});
export const journalSchema = z.array(journalEntrySchema);
export const journalPageSchema = z.strictObject({ entries: journalSchema });

export const reportInputSchema = z.strictObject({});
export const reportedSchema = z.strictObject({ sequence: z.int().min(1) });
export type Reported = z.infer<typeof reportedSchema>;

/** An error as it crosses to the caller. `message` names a field, file or port, and never repeats an input. */
export const faultSchema = z.strictObject({ code: z.string(), message: z.string(), remedy: z.string() });
type Fault = z.infer<typeof faultSchema>;
export const errorReplySchema = z.strictObject({ error: faultSchema });

export function faultOf({ code, message, remedy }: AppError): Fault {
  return { code, message, remedy };
}

export function errorReply(error: AppError): z.infer<typeof errorReplySchema> {
  return { error: faultOf(error) };
}

/** Makes the error anew at the caller's end. A code that is not known here becomes INTERNAL. */
export function errorOf({ code, message }: Fault): AppError {
  return new AppError(isErrorCode(code) ? code : "INTERNAL", message);
}
