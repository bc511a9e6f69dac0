import { expect, test } from "vitest";
import { bertConfig, forwardOperations, mobileBertConfig } from "./random-bert.js";

test("32 tokens take 26.2 million operations in Tiny, 1.63 billion in Medium, 1.31 billion in MobileBERT", () => {
  // By layer: four H x H projections, two H x I products, and attention's two T x T x H.
  const layer = (h: number, inner: number) => 2 * 32 * (4 * h * h + 2 * h * inner + 2 * 32 * h);
  expect(forwardOperations(bertConfig("tiny", 30_522), 32)).toBe(2 * layer(128, 512));
  expect(forwardOperations(bertConfig("medium", 30_522), 32)).toBe(8 * layer(512, 2048));
  expect(forwardOperations(mobileBertConfig(30_522), 32)).toBeCloseTo(1.31e9, -7);
});
