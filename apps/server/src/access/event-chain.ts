// The chain of events: each change appends one event in its own transaction, with the hash of the event before it.

import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { z } from "zod";
import type { Author } from "../callers/roles.js";
import type { Prisma } from "../generated/prisma/client.js";

/** A change, as its event keeps it. Neither the subject nor a detail is ever a text from a device. */
export interface Change {
  readonly by: Author;
  /** A noun and its verb: `rollout.create`. */
  readonly action: string;
  /** The identifier of what changed. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
  readonly atMs: number;
}

export const auditEventSchema = z.strictObject({
  sequence: z.int().min(1),
  at: z.iso.datetime(),
  actor: z.string(),
  reason: z.string().nullable(),
  action: z.string(),
  subject: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  previousSha256: z.string(),
  sha256: z.string(),
});

export type AuditEvent = z.infer<typeof auditEventSchema>;

const beforeFirst = "0".repeat(64);
/** The advisory lock of the chain: any number that nothing else locks in this database. */
const chainLock = 7_310_001;

/**
 * Appends the event of a change to the chain, in the change's transaction: both happen, or neither. Other changes wait
 * from here until the transaction ends, so it is the last statement that takes a lock.
 */
export async function appendEvent(tx: Prisma.TransactionClient, change: Change): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${chainLock})`;
  const last = await tx.auditEvent.findFirst({ orderBy: { sequence: "desc" } });
  const { by, action, subject, details = {}, atMs } = change;
  const content = {
    sequence: (last?.sequence ?? 0) + 1,
    at: new Date(atMs).toISOString(),
    ...{ actor: by.actor, reason: by.reason, action, subject, details },
    previousSha256: last?.sha256 ?? beforeFirst,
  };
  await tx.auditEvent.create({ data: { ...content, sha256: hashOf(content) } });
}

function hashOf(content: Omit<AuditEvent, "sha256">): string {
  return sha256(canonicalBytes(content));
}

interface ChainHead {
  readonly sequence: number;
  readonly sha256: string;
}

/** The head of a chain without events. */
export const emptyChain: ChainHead = { sequence: 0, sha256: beforeFirst };

/**
 * Follows the chain from `head` over the next events, and returns the new head or the first fault. An event that was
 * changed, removed or put in between is a fault. Events that are missing at the end are seen by comparing heads.
 */
export function followChain(
  head: ChainHead,
  events: readonly AuditEvent[],
): { readonly head: ChainHead; readonly fault: string | null } {
  for (const { sha256: stored, ...content } of events) {
    const { sequence } = content;
    if (sequence !== head.sequence + 1) {
      return { head, fault: `event ${head.sequence + 1} is missing: event ${sequence} follows ${head.sequence}` };
    }
    if (content.previousSha256 !== head.sha256) {
      return { head, fault: `event ${sequence} names another event before it than the chain has` };
    }
    if (hashOf(content) !== stored) return { head, fault: `event ${sequence} was changed after it was written` };
    head = { sequence, sha256: stored };
  }
  return { head, fault: null };
}
