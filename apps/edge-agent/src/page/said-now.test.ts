import { saidSchema } from "@attune/shared/contracts/local-api";
import { expect, test } from "vitest";
import { saidNow } from "./said-now.js";

const instant = new Date("2026-03-01T23:30:00Z");

test.each([
  [0, "2026-03-01T23:30:00+00:00"],
  [60, "2026-03-02T00:30:00+01:00"],
  [-300, "2026-03-01T18:30:00-05:00"],
  [345, "2026-03-02T05:15:00+05:45"],
  [-210, "2026-03-01T20:00:00-03:30"],
])("an offset of %i minutes gives %s, which is the same instant and an entry's time", (minutes, expected) => {
  const said = saidNow(instant, minutes);
  expect(said).toBe(expected);
  expect(Date.parse(said)).toBe(instant.getTime());
  expect(saidSchema.parse(said)).toBe(said);
});

test("the device's own zone is the usual one", () => {
  expect(Date.parse(saidNow(instant))).toBe(instant.getTime());
});
