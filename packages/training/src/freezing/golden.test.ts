// Golden vectors use token ids of the tokenizer at hand, whatever their order.

import { readFileSync } from "node:fs";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { plainGolden, readGolden } from "@attune/shared/contracts/golden";
import { expect, test } from "vitest";
import { goldenVectors } from "./golden.js";

const noFeatures = () => Float32Array.of(0.123_456_7, -0);

test("Golden vectors open and close with the tokenizer's own special tokens and hold none in between, in any order of ids", () => {
  const words = Array.from({ length: 20 }, (_, i) => `word${i}`);
  const vocabulary = [...words.slice(0, 7), "[SEP]", "[UNK]", ...words.slice(7), "[MASK]", "[CLS]", "[PAD]"];
  const tokenizer = createTokenizer(wordPieceTokenizerJson(vocabulary, { lowercase: true }));
  const golden = goldenVectors(tokenizer, 16, noFeatures);
  expect(golden.vectors.map(({ ids }) => ids.length)).toEqual([3, 4, 6, 9, 13, 16]);
  for (const { ids } of golden.vectors) {
    expect(vocabulary[ids[0]!]).toBe("[CLS]");
    expect(vocabulary[ids.at(-1)!]).toBe("[SEP]");
    for (const id of ids.slice(1, -1)) expect(words).toContain(vocabulary[id]);
  }
  const drawn = new Set(golden.vectors.flatMap(({ ids }) => ids));
  expect(drawn.size).toBeGreaterThan(10);
  expect(readGolden(plainGolden(golden))).toMatchObject({ ok: true });
  expect(golden.vectors[0]!.features).toEqual([...noFeatures()]);
});

test("The bundled extractor's golden vectors have the ids that its tokenizer gives today", () => {
  const bundled = (name: string) => readFileSync(new URL(`../../../../assets/extractor/${name}`, import.meta.url));
  const published = readGolden(bundled("golden.json"));
  if (!published.ok) throw new Error(published.detail);
  const now = goldenVectors(createTokenizer(bundled("tokenizer.json").toString("utf8")), 32, noFeatures);
  expect(now.vectors.map(({ ids }) => ids)).toEqual(published.value.vectors.map(({ ids }) => ids));
  expect(now.tolerance).toBe(published.value.tolerance);
});
