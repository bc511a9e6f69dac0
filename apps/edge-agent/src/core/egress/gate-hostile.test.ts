// Five thousand hostile messages at the gate; gate-hostile.slow.test.ts sends a million.

import { sendHostileMessages } from "@attune/fakes/hostile-sender";
import { expect, test } from "vitest";

test("The gate passes exact messages alone out of 5,000 hostile messages.", () => {
  const { passed, refused, leaked, wronged } = sendHostileMessages(5_000, 1);
  expect(leaked).toEqual([]);
  expect(wronged).toEqual([]);
  expect(passed).toBeGreaterThan(1_000);
  expect(refused.unknownContract).toBeGreaterThan(20);
  expect(refused.unknownType).toBeGreaterThan(20);
  expect(refused.notInContract).toBeGreaterThan(1_000);
});
