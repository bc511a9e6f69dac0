import { expect, test } from "vitest";
import { daysOfMonth, monthAfter } from "./month.js";

test.each([
  ["2026-02", 6, 28],
  ["2024-02", 3, 29],
  ["2026-06", 0, 30],
  ["2026-12", 1, 31],
])("the weeks of %s begin on Monday", (month, blanks, count) => {
  const found = daysOfMonth(month);
  expect(found.blanks).toBe(blanks);
  expect(found.days).toHaveLength(count);
  expect([found.days[0], found.days.at(-1)]).toEqual([`${month}-01`, `${month}-${count}`]);
});

test("months are counted across years", () => {
  expect(monthAfter("2026-01", -1)).toBe("2025-12");
  expect(monthAfter("2026-12", 1)).toBe("2027-01");
  expect(monthAfter("2026-03", -14)).toBe("2025-01");
});
