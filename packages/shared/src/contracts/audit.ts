// The journal's entries: one per message that left the device, chained by hash, so that none can be cut out unseen.

import { z } from "zod";
import { sha256Schema } from "./release.js";

export const journalEntrySchema = z.strictObject({
  version: z.literal(1),
  index: z.int().min(0),
  /** sha256 of the canonical JSON of the entry before; 64 zeros for the first. */
  previous: sha256Schema,
  type: z.enum(["enrol", "poll", "download", "report.metrics", "report.state"]),
  path: z.enum(["trpc", "https", "nats"]),
  /** Sequence of the message among those of its type; 0 where the type has none. */
  sequence: z.int().min(0),
  /** The body's size and hash as handed to the transport (download: the request's path). */
  sizeBytes: z.int().min(0),
  sha256: sha256Schema,
  capacityBits: z.number().min(0),
  /** The message itself, as the contract declares it; it holds no free text. */
  message: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});
export type JournalEntry = z.infer<typeof journalEntrySchema>;
