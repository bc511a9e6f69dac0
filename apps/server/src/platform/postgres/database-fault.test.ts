import { expect, test } from "vitest";
import { isDatabaseUnavailable } from "./database-fault.js";

const fault = (code: string | undefined, message = "", cause?: unknown) =>
  Object.assign(new Error(message, { cause }), code === undefined ? {} : { code });

test.each([
  ["refused", fault("P1001")],
  ["shut down under a query", fault("P2039", "Database error. Code: `57P01`. Message: `terminating connection`")],
  ["starting up", fault("57P03")],
  ["busy with others", fault(undefined, "timeout exceeded when trying to connect")],
  ["refused, two causes deep", fault(undefined, "a", fault(undefined, "b", fault("ECONNREFUSED")))],
])("a database that is away (%s) can be asked again", (_how, error) => {
  expect(isDatabaseUnavailable(error)).toBe(true);
});

test.each([
  ["a unique constraint", fault("P2002")],
  ["a value out of range", fault("22003")],
  ["no error at all", undefined],
])("%s is not a database that is away", (_what, error) => {
  expect(isDatabaseUnavailable(error)).toBe(false);
});
