// The exit code of every error of the programs, decided here alone.

import { type ErrorCode, errorTable } from "@attune/shared/errors";

/** A rollout that pauses or ends inconclusive is no error: its command returns `paused` itself. */
export const exitCodes = {
  done: 0,
  failed: 1,
  misused: 2,
  paused: 3,
  notAllowed: 4,
  absent: 5,
  conflict: 6,
  timedOut: 7,
} as const;

const byHttpStatus: { readonly [status: number]: number } = {
  401: exitCodes.notAllowed,
  403: exitCodes.notAllowed,
  404: exitCodes.absent,
  409: exitCodes.conflict,
  504: exitCodes.timedOut,
};

/** Only INVALID_INPUT is a wrong use of the command. A damaged file is a failure, though its status is 400 as well. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === "INVALID_INPUT") return exitCodes.misused;
  return byHttpStatus[errorTable[code].httpStatus] ?? exitCodes.failed;
}
