// The messages that a device signs to its server: their parsing, and the bytes under the signature.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type Contracts, type Message, signedBytes } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { describeIssues } from "../platform/describe-issues.js";

type SignedType = "enrol" | "poll";

/**
 * Throws CONFLICT for a version of the egress contract that is not taken here, and INVALID_INPUT for a value that
 * is no such message.
 */
export function parseMessage<T extends SignedType>(contracts: Contracts, type: T, value: unknown): Message<T> {
  const judged = contracts.judge(type, value);
  if (judged.ok) return judged.value;
  const { reason, issues } = judged;
  if (reason === "unknownContract") {
    const taken = contracts.versions.join(", ");
    throw new AppError("CONFLICT", `${type} is not of a version of the egress contract that is taken here: ${taken}`);
  }
  throw new AppError("INVALID_INPUT", `${type}: ${describeIssues({ issues })}`);
}

/** The bytes of a message that the device's key has signed. */
export function bytesUnderSignature(contracts: Contracts, message: Message<SignedType>): Uint8Array {
  return signedBytes(contracts.declaration(message.contract, message.type)!, canonicalBytes(message));
}
