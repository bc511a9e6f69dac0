// A million hostile messages at the gate.

import { sendHostileMessages } from "@attune/fakes/hostile-sender";
import { expect, test } from "vitest";

test("The gate passes exact messages alone out of a million hostile messages.", () => {
  const { passed, refused, leaked, wronged } = sendHostileMessages(1_000_000, 2);
  expect(leaked).toEqual([]);
  expect(wronged).toEqual([]);
  expect(passed).toBeGreaterThan(200_000);
  expect(Object.keys(refused).sort()).toEqual(["notInContract", "unknownContract", "unknownType"]);
});
