// Checks on the server's answer to a poll: it is signed, made for this one poll, numbered and dated. No I/O.

import type { Message } from "@attune/shared/contracts/egress";
import { type SignedTarget, signedTargetSchema } from "@attune/shared/contracts/target-state";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Root } from "@attune/shared/trust/root";
import { type TrustFault, verifySigned } from "@attune/shared/trust/signed";
import type { Hashing } from "../ports.js";

interface TargetExpectations {
  /** The poll that was asked: a genuine answer to another poll is a replay. */
  readonly poll: Message<"poll">;
  readonly root: Root;
  /** The number of the newest target accepted here; 0 before the first. */
  readonly highestNumber: number;
}

type TargetFault = TrustFault | "anotherPoll" | "older";

export async function verifyTarget(
  answer: unknown,
  { poll, root, highestNumber }: TargetExpectations,
  { verifyEd25519 }: Pick<Hashing, "verifyEd25519">,
): Promise<Result<SignedTarget, TargetFault>> {
  const signed = await verifySigned(answer, { root, role: "timestamp" }, verifyEd25519);
  if (!signed.ok) return refuse(signed.reason, `the server's answer ${signed.detail}`);
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
  // A restored store does not know the numbers that this device has seen.
  if (!target.beginEpoch && target.number <= highestNumber) {
    return refuse("older", "the server's answer is older than one accepted before");
  }
  return accept(target);
}

/** A clock that is off by less counts as right. */
const clockToleranceMs = 86_400_000;

/**
 * Whether `expiresAt` has passed by this device's clock. A clock far behind sees nothing expire; an answer made for its
 * poll is fresh anyway.
 */
export function isExpired(expiresAt: string, nowMs: number): boolean {
  return nowMs > Date.parse(expiresAt) + clockToleranceMs;
}
