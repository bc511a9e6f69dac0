import { expect, test } from "vitest";
import { bertConfig, forwardOperations, mobileBertConfig } from "./random-bert.js";

test("32 tokens take 26.2 million operations in Tiny, 1.63 billion in Medium, 1.31 billion in MobileBERT", () => {
  expect(forwardOperations(bertConfig("tiny", 30_522), 32)).toBe(26_214_400);
  expect(forwardOperations(bertConfig("medium", 30_522), 32)).toBe(1_627_389_952);
  expect(forwardOperations(mobileBertConfig(30_522), 32)).toBeCloseTo(1.31e9, -7);
});
