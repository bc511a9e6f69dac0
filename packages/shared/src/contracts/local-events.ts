// An agent's events, for the programs and pages of its person: its state, its lessons, and each message that leaves.
// No event holds an utterance, or the caller's name for one.

import { z } from "zod";
import { journalEntrySchema } from "./audit.js";
import { agentStatusSchema, utteranceCountsSchema } from "./local-api.js";

/** The part of the status that changes with an event, and not with the time alone. */
export const agentStateSchema = agentStatusSchema.pick({
  device: true,
  release: true,
  updateState: true,
  updateReason: true,
  utterances: true,
  waiting: true,
  head: true,
  f1Prior: true,
  f1Personal: true,
  outbox: true,
  contract: true,
  connected: true,
  lastError: true,
});

const lessonSchema = z.strictObject({
  /** A label was taken, an utterance was forgotten, or everything was learned anew. */
  kind: z.enum(["learned", "forgotten", "refit"]),
  utterances: utteranceCountsSchema,
});
export type Lesson = z.infer<typeof lessonSchema>;

export const agentEventSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("state"), state: agentStateSchema }),
  z.strictObject({ type: z.literal("lesson"), lesson: lessonSchema }),
  z.strictObject({ type: z.literal("journal"), entry: journalEntrySchema }),
]);
export type AgentEvent = z.infer<typeof agentEventSchema>;

const cursorSchema = z.strictObject({
  state: z.int().min(0),
  lesson: z.int().min(0),
  /** The index of the last entry of the journal that was seen. */
  journal: z.int().min(-1),
});

/** Without `after`, the present state comes first, and of lessons and journal only the new. */
export const eventsInputSchema = z.strictObject({ after: cursorSchema.partial().optional() });
export type EventsInput = z.infer<typeof eventsInputSchema>;
/** `next` is the place after these events, for the next question to the same process. */
export const eventsSchema = z.strictObject({ events: z.array(agentEventSchema), next: cursorSchema });
export type Events = z.infer<typeof eventsSchema>;
