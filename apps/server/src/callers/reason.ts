// The reason for a change, as a person gives it and the change's event keeps it.

import { AppError } from "@attune/shared/errors";

/** Carries the reason, percent-encoded, beside any call that changes something. */
export const reasonHeader = "attune-reason";
const maxReasonCharacters = 500;

/** Throws INVALID_INPUT for a text that is too long or more than one line. */
export function readReason(text: string): string {
  const reason = text.trim();
  if ([...reason].length > maxReasonCharacters || /\p{Cc}/u.test(reason)) {
    throw new AppError("INVALID_INPUT", `the reason is not one line of at most ${maxReasonCharacters} characters`);
  }
  return reason;
}
