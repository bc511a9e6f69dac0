// Pruning keeps what the texts use and whatever is needed to spell any other word.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { pruneVocabulary, readVocabulary, tokenizerOf } from "./vocabulary.js";

const pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "h", "i", "##h", "##i", "hi", "hih", "##ih"];
const directory = mkdtempSync(join(tmpdir(), "attune-vocabulary-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("pruneVocabulary", () => {
  it("keeps special tokens first, single characters always and other pieces from the minimum count on", () => {
    const pruned = pruneVocabulary(pieces, ["hi Hi hih"], 2);
    expect(pruned).toEqual(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "h", "i", "##h", "##i", "hi"]);
  });

  it("leaves a tokenizer that still spells a word whose piece is gone", () => {
    const tokenizer = tokenizerOf(pruneVocabulary(pieces, ["hi hi"], 2));
    expect([...tokenizer.encode("hihi").ids]).toEqual([2, 9, 7, 8, 3]);
  });
});

describe("readVocabulary", () => {
  it("reads one piece a line and refuses a file without the special tokens", () => {
    const path = join(directory, "vocab.txt");
    writeFileSync(path, `${pieces.join("\r\n")}\r\n`);
    expect(readVocabulary(path)).toEqual(pieces);
    writeFileSync(path, "hello\n");
    expect(() => readVocabulary(path)).toThrow(/vocab\.txt: the special token \[PAD\] is missing/);
  });
});
