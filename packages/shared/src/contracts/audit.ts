// The journal has one entry for each message that left the device. Entries are chained by hash, so a removed entry is noticed.

import { z } from "zod";
import { sha256Schema } from "./release.js";

export const journalEntrySchema = z.strictObject({
  version: z.literal(1),
  index: z.int().min(0),
  /** sha256 of the canonical JSON of the previous entry; 64 zeros for the first entry. */
  previous: sha256Schema,
  type: z.enum(["enrol", "poll", "download", "report.metrics", "report.state"]),
  path: z.enum(["trpc", "https", "nats"]),
  /** The message's sequence number within its type; 0 where the type has no sequence. */
  sequence: z.int().min(0),
  /** Size and hash of the body as it was handed to the transport (for a download: of the request's path). */
  sizeBytes: z.int().min(0),
  sha256: sha256Schema,
  capacityBits: z.number().min(0),
  /** The message itself, as the contract declares it. It holds no free text. */
  message: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});
export type JournalEntry = z.infer<typeof journalEntrySchema>;
