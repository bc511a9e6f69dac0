import { expect, test } from "vitest";
import { shareOfLimit } from "./limits.js";

const limit = { fp32: 100e9, int8: 200e9 };

test("each format has its share of its own limit, FP16 of float32's, in which it is computed", () => {
  const share = (dtype: "fp32" | "fp16" | "int8") => shareOfLimit({ dtype, ours: true, operations: 80e9 }, limit);
  expect([share("fp32"), share("fp16"), share("int8")]).toEqual([0.8, 0.8, 0.4]);
});

test("a peer's int8 has no share, as its instructions are not those of the limit", () => {
  expect(shareOfLimit({ dtype: "int8", ours: false, operations: 300e9 }, limit)).toBeNull();
  expect(shareOfLimit({ dtype: "fp32", ours: false, operations: 50e9 }, limit)).toBe(0.5);
});
