// Pruning keeps the pieces that the texts use, and the pieces that spell any other word.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { afterAll, describe, expect, test } from "vitest";
import { pruneTokenizer, readVocabulary } from "./vocabulary.js";

const pieces = [
  "[PAD]",
  "[unused0]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "h",
  "i",
  "##h",
  "##i",
  "hi",
  "hih",
  "##ih",
  "я",
];
const tokenizerJson = wordPieceTokenizerJson(pieces, { lowercase: true });
const directory = mkdtempSync(join(tmpdir(), "attune-vocabulary-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function namesOf(pruned: { tokenizerJson: string }): string[] {
  return Object.keys(JSON.parse(pruned.tokenizerJson).model.vocab);
}

const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

describe("pruneTokenizer", () => {
  test("keeps special tokens first, single characters always and other pieces from the minimum count on", () => {
    const pruned = pruneTokenizer(tokenizerJson, ["hi Hi hih"], { minimumPieceCount: 2 });
    expect(namesOf(pruned)).toEqual([...special, "h", "i", "##h", "##i", "hi", "я"]);
    expect([...pruned.formerIds]).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13]);
  });

  test("keeps of a fixed number the characters that the texts hold, and the most frequent of the others", () => {
    const texts = ["hi hih", "hih hih hi hihih"];
    expect(namesOf(pruneTokenizer(tokenizerJson, texts, { vocabularySize: 10 }))).toEqual([
      ...special,
      "h",
      "i",
      "##h",
      "##i",
      "hih",
    ]);
    const larger = pruneTokenizer(tokenizerJson, [...texts, "я"], { vocabularySize: 12 });
    expect(namesOf(larger)).toEqual([...special, "h", "i", "##h", "##i", "hi", "hih", "я"]);
    expect(() => pruneTokenizer(tokenizerJson, texts, { vocabularySize: 8 })).toThrow(/vocabularySize 8: 9 special/);
  });

  test("leaves a tokenizer that still spells a word whose piece is gone, with its special tokens around", () => {
    const tokenizer = createTokenizer(pruneTokenizer(tokenizerJson, ["hi hi"], { minimumPieceCount: 2 }).tokenizerJson);
    expect([...tokenizer.encode("hihi").ids]).toEqual([2, 9, 7, 8, 3]);
  });

  test("renumbers the older form of a post-processor, and keeps all pieces where no rule is given", () => {
    const older = {
      ...JSON.parse(tokenizerJson),
      post_processor: { type: "BertProcessing", sep: ["[SEP]", 4], cls: ["[CLS]", 3] },
    };
    const pruned = pruneTokenizer(JSON.stringify(older), [], {});
    expect(namesOf(pruned)).toHaveLength(pieces.length);
    expect(JSON.parse(pruned.tokenizerJson).post_processor).toMatchObject({ sep: ["[SEP]", 3], cls: ["[CLS]", 2] });
  });

  test("refuses a tokenizer that is not WordPiece", () => {
    const bpe = JSON.stringify({ ...JSON.parse(tokenizerJson), model: { type: "BPE", vocab: {}, merges: [] } });
    expect(() => pruneTokenizer(bpe, [], { vocabularySize: 9 })).toThrow(/only a WordPiece vocabulary can be pruned/);
  });
});

describe("readVocabulary", () => {
  test("reads one piece a line and refuses a file without the special tokens", () => {
    const path = join(directory, "vocab.txt");
    writeFileSync(path, `${pieces.join("\r\n")}\r\n`);
    expect(readVocabulary(path)).toBe(tokenizerJson);
    writeFileSync(path, "hello\n");
    expect(() => readVocabulary(path)).toThrow(/vocab\.txt: the special token \[PAD\] is missing/);
  });
});
