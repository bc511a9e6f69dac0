// The journal has one entry for each message that left the device. Entries are chained by hash, so a
// removed entry is noticed.

import { z } from "zod";
import { capacityBits } from "./egress-declaration.js";
import { sha256Schema } from "./release.js";

const common = {
  index: z.int().min(0),
  /** sha256 of the canonical JSON of the previous entry; 64 zeros for the first entry. */
  previous: sha256Schema,
  path: z.enum(["trpc", "https", "nats"]),
  /** The number of the poll, or of the report among all reports, in its epoch; 0 where the type has no number. */
  sequence: z.int().min(0),
  /** Size and hash of the body as it was handed to the transport (for a download: of the request's path). */
  sizeBytes: z.int().min(0),
  sha256: sha256Schema,
  /** The message itself, as the contract of its version declares it; it holds no free text. */
  message: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
};

/**
 * An entry as the first agents wrote it. A journal that begins with such entries continues with entries
 * of the present form.
 */
const firstEntrySchema = z.strictObject({
  ...common,
  version: z.literal(1),
  type: z.enum(["enrol", "poll", "download", "report.metrics", "report.state"]),
  capacityBits: z.number().min(0),
});

const entrySchema = z.strictObject({
  ...common,
  version: z.literal(2),
  /** Days since 1970 (UTC) by the device's clock. */
  day: z.int().min(-100_000_000).max(100_000_000),
  type: z.string().regex(/^[a-z]{1,16}(\.[a-z]{1,16})?$/),
  /**
   * The number of values that each of the message's fields can take, in the order of declaration. Fields with one value
   * say nothing and are left out.
   */
  domainSizes: z.array(z.int().min(2)).max(64),
});

export const journalEntrySchema = z.discriminatedUnion("version", [firstEntrySchema, entrySchema]);
export type JournalEntry = z.infer<typeof journalEntrySchema>;
/** An entry as agents write it now. */
export type NewJournalEntry = z.infer<typeof entrySchema>;

/** The most information that the entry's message can carry. */
export function entryCapacityBits(entry: JournalEntry): number {
  return entry.version === 1 ? entry.capacityBits : capacityBits(entry.domainSizes);
}
