import { type ErrorCode, errorTable } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { exitCodeOf, exitCodes } from "./exit-codes.js";

const { misused, notAllowed, absent, conflict, timedOut } = exitCodes;
/** Every code whose exit is not 1. */
const expected: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: misused,
  TOKEN_INVALID: notAllowed,
  TOKEN_EXPIRED: notAllowed,
  UNAUTHORIZED: notAllowed,
  FORBIDDEN: notAllowed,
  EGRESS_DENIED: notAllowed,
  NOT_FOUND: absent,
  TOKEN_USED: conflict,
  CONFLICT: conflict,
  NOT_ENROLLED: conflict,
  ALREADY_ENROLLED: conflict,
  NO_RELEASE: conflict,
  TIMED_OUT: timedOut,
};

test("each error of the whole table has its exit code", () => {
  const codes = Object.keys(errorTable) as ErrorCode[];
  expect(Object.fromEntries(codes.map((code) => [code, exitCodeOf(code)]))).toEqual(
    Object.fromEntries(codes.map((code) => [code, expected[code] ?? exitCodes.failed])),
  );
});
