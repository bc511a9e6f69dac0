import { expect, test } from "vitest";
import { parseReportSubject, reportSubject } from "./subjects.js";

const device = "0123456789abcdef0123456789abcdef";

test("a report's subject names its fleet and device and parses back", () => {
  expect(parseReportSubject(reportSubject("home", device))).toEqual({ fleet: "home", device });
});

test.each(["*", "a.b", ">", "", "Home", "what she said"])("%j cannot be a fleet", (fleet) => {
  expect(() => reportSubject(fleet, device)).toThrow(TypeError);
});

test.each([
  "attune.v1.home.>",
  `attune.v2.home.${device}.report`,
  `attune.v1.home.${device}.report.more`,
  `attune.v1.home.${device.toUpperCase()}.report`,
])("%j is no report's subject", (subject) => {
  expect(parseReportSubject(subject)).toBeUndefined();
});
