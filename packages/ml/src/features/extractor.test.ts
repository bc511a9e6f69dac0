import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createBert } from "../encoder/bert.js";
import { type BertConfig, parseEncoderConfig } from "../encoder/config.js";
import { pool } from "../encoder/pooling.js";
import { createMatrix, row } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { parseSafetensors } from "../tensor/safetensors.js";
import { createTokenizer, wordPieceTokenizerJson } from "../tokenizer/tokenizer.js";
import { fitDimensionalityReduction } from "./dimensionality-reduction.js";
import { createFeatureExtractor, type FeatureExtractorParts } from "./extractor.js";

const read = (name: string) => readFileSync(new URL(`../../../../test/golden/${name}`, import.meta.url));
const shape = JSON.parse(read("encoder.json").toString()).shapes[0];
const encoder = createBert(
  parseEncoderConfig(JSON.stringify(shape.config)) as BertConfig,
  parseSafetensors(read(shape.file)),
);
const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."abcdefgh"];
const tokenizer = createTokenizer(wordPieceTokenizerJson(vocab, { lowercase: true }));
const parts: FeatureExtractorParts = { tokenizer, encoder, pooling: "mean-max", identity: "f00d", maxTokens: 10 };
const texts = ["a b c", "", "h g f e d c b a h g f e d", "c"];

describe("a feature extractor", () => {
  test("is tokenizer, encoder at true length, and pooling, in that order", () => {
    const extractor = createFeatureExtractor(parts);
    const ids = Int32Array.of(2, 5, 6, 7, 3);
    const expected = pool(encoder.forward(ids).hiddenStates.at(-1)!, undefined, "mean-max");
    expect(extractor.extract("a b c")).toEqual(expected);
    expect(extractor.encodeIds(ids)).toEqual(expected);
    expect(extractor).toMatchObject({ identity: "f00d", featureSize: 42 });
  });

  test("reduces by the DR it is given", () => {
    const random = createRandom(1);
    const samples = createMatrix(
      50,
      42,
      Float32Array.from({ length: 2100 }, () => random.normal()),
    );
    const reduction = fitDimensionalityReduction(samples, 5);
    const extractor = createFeatureExtractor({ ...parts, reduction });
    expect(extractor.featureSize).toBe(5);
    const pooled = createFeatureExtractor(parts).extract("a b");
    expect(extractor.extract("a b")).toEqual(reduction.apply(createMatrix(1, 42, pooled)).data);
    expect(() => createFeatureExtractor({ ...parts, reduction, pooling: "mean" })).toThrow(
      "takes 42 features where mean pooling gives 21",
    );
  });

  test("extracts many texts as it does each, and says how far it is", () => {
    const extractor = createFeatureExtractor(parts);
    const progress: string[] = [];
    const features = extractor.extractAll(texts, (done, total) => progress.push(`${done}/${total}`));
    expect(progress).toEqual(["1/4", "2/4", "3/4", "4/4"]);
    for (const [i, text] of texts.entries()) expect(row(features, i)).toEqual(extractor.extract(text));
    expect(extractor.extractAll([])).toMatchObject({ rows: 0, cols: 42 });
  });

  test("cuts a text to its maxTokens", () => {
    const extractor = createFeatureExtractor({ ...parts, maxTokens: 4 });
    expect(extractor.extract("a b c d e")).toEqual(extractor.extract("a b"));
  });

  test("refuses parts that do not fit, naming them", () => {
    const large = createTokenizer(
      wordPieceTokenizerJson([...vocab, ...Array.from({ length: 50 }, (_, i) => `x${i}`)], { lowercase: true }),
    );
    expect(() => createFeatureExtractor({ ...parts, tokenizer: large })).toThrow(
      "knows 63 tokens, the encoder only 53",
    );
    expect(() => createFeatureExtractor({ ...parts, maxTokens: 20 })).toThrow(
      "maxTokens 20 is not a whole number from 3 to 19",
    );
    expect(() => createFeatureExtractor({ ...parts, maxTokens: 2 })).toThrow("maxTokens 2");
  });
});
