// The server's answer to a poll: signed by the keys that sign releases, made for this one poll, numbered and dated. No I/O.

import type { Message } from "@attune/shared/contracts/egress";
import { type SignedTarget, signedTargetSchema } from "@attune/shared/contracts/target-state";
import { accept, type Result, refuse } from "@attune/shared/result";
import { signedEnvelopeSchema, type TrustedKeys, verifyEnvelope } from "@attune/shared/trust/signed";
import type { Hashing } from "../ports.js";

export interface TargetExpectations {
  /** The poll that was asked: an answer to another one, however genuine, is a replay. */
  readonly poll: Message<"poll">;
  readonly trustedKeys: TrustedKeys;
  /** The number of the newest target accepted here; 0 before the first. */
  readonly highestNumber: number;
}

export type TargetFault = "malformed" | "signature" | "anotherPoll" | "older";

export async function verifyTarget(
  answer: unknown,
  { poll, trustedKeys, highestNumber }: TargetExpectations,
  { verifyEd25519 }: Pick<Hashing, "verifyEd25519">,
): Promise<Result<SignedTarget, TargetFault>> {
  const envelope = signedEnvelopeSchema.safeParse(answer);
  if (!envelope.success) return refuse("malformed", "the server's answer is not a signed envelope");
  const signed = await verifyEnvelope(envelope.data, trustedKeys, verifyEd25519).catch(() => undefined);
  if (signed === undefined || !signed.ok) {
    return refuse("signature", "the server's answer is not signed by the release keys");
  }
  const parsed = signedTargetSchema.safeParse(signed.value);
  if (!parsed.success) {
    return refuse(
      "malformed",
      `the server's answer is malformed at ${parsed.error.issues[0]?.path.join(".") || "whole"}`,
    );
  }
  const target = parsed.data;
  if (target.device !== poll.device || target.epoch !== poll.epoch || target.sequence !== poll.sequence) {
    return refuse("anotherPoll", "the server's answer belongs to another poll");
  }
  // Whose store is a copy does not know the numbers it has seen.
  if (!target.beginEpoch && target.number <= highestNumber) {
    return refuse("older", "the server's answer is older than one accepted before");
  }
  return accept(target);
}

/** Clocks that are off by less than this are right. */
const clockToleranceMs = 86_400_000;

/** Whether by this device's clock the time is over. A clock far behind sees nothing end; the poll's own answer is fresh all the same. */
export function isOver(expiresAt: string, nowMs: number): boolean {
  return nowMs > Date.parse(expiresAt) + clockToleranceMs;
}
