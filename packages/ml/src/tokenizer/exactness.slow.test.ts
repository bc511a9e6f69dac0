// Compares this tokenizer with the library that it must equal: on the datasets, on corner cases of Unicode
// and on random text.

import { readFileSync } from "node:fs";
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { describe, expect, test } from "vitest";
import { dataFolder, describeUnlessLacking, lackOfData } from "../../../../test/requirements.js";
import { createRandom } from "../tensor/random.js";
import { byteLevelBpeTokenizerJson } from "./byte-level-bpe.js";
import { createTokenizer, wordPieceTokenizerJson } from "./tokenizer.js";

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../../test/golden/${name}`, import.meta.url), "utf8"));
const corners: string[] = golden("unicode-corners.json");
const wordPiece: { vocab: string[] } = golden("wordpiece.json");
const bpe: { vocab: Record<string, number>; merges: string[] } = golden("bpe.json");

/** The library's own type declarations do not resolve under `nodenext`. */
interface Library {
  encode(text: string): { ids: number[] };
}

/**
 * The JavaScript library differs from the reference (in Rust) in some places. The text is prepared so that both agree.
 * The library walks UTF-16 units, so it misses CJK ideographs beyond U+FFFF. JavaScript lower-cases a word's last sigma
 * to its final form. Lone surrogates are in no text. JavaScript's white space is not the reference's, so U+0085 and
 * U+FEFF are in no text here; imported-tokenizers.json covers these two.
 */
function openLibrary(json: string): (text: string) => number[] {
  const parsed = JSON.parse(json);
  parsed.model.type ??= "BPE";
  const library = new LibraryTokenizer(parsed, {}) as unknown as Library;
  const { normalizer } = parsed;
  return (text) => {
    let prepared = text.replaceAll(/\p{Surrogate}/gu, "");
    if (normalizer?.lowercase) prepared = prepared.replaceAll("Σ", "σ");
    if (normalizer?.handle_chinese_chars) {
      prepared = prepared.replace(
        /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu,
        " $& ",
      );
    }
    return library.encode(prepared).ids;
  };
}

/** The first texts that the two tokenizers encode differently. All texts are checked. */
function differences(json: string, texts: Iterable<string>): { checked: number; different: unknown[] } {
  const own = createTokenizer(json);
  const library = openLibrary(json);
  const different: unknown[] = [];
  let checked = 0;
  for (const given of texts) {
    checked++;
    const text = given.replaceAll(/[\u0085\ufeff]/g, "");
    const expected = library(text);
    const { ids } = own.encode(text, { maxTokens: 1_000_000 });
    const cut = own.encode(text, { maxTokens: 6 }).ids;
    const expectedCut = expected.length <= 6 ? expected : [...expected.slice(0, 5), expected.at(-1)!];
    if (!equal(ids, expected) || !equal(cut, expectedCut)) different.push({ text, ids: [...ids], expected });
  }
  return { checked, different: different.slice(0, 3) };
}

function equal(ids: Int32Array, expected: readonly number[]): boolean {
  return ids.length === expected.length && ids.every((id, i) => id === expected[i]);
}

/**
 * Every letter of the texts is a piece, so that each letter shows in the ids. Some pairs of letters are pieces, too,
 * to be cut into.
 */
function vocabularyOf(texts: readonly string[]): string[] {
  const pieces = new Set<string>();
  for (const text of texts) {
    for (const form of [text, text.toLowerCase(), text.toLowerCase().normalize("NFD")]) {
      const letters = [...form];
      for (const [i, letter] of letters.entries()) {
        pieces.add(letter).add(`##${letter}`);
        if (i % 3 === 0) pieces.add(`##${letter}${letters[i + 1] ?? ""}`).add(`${letter}${letters[i + 1] ?? ""}`);
      }
    }
  }
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  return [...special, ...[...pieces].filter((piece) => piece !== "" && !special.includes(piece))];
}

/** Random code points of all planes, more often of the crowded first planes, with letters and spaces between. */
function randomTexts(count: number, seed: number): string[] {
  const { integer: below } = createRandom(seed);
  const ranges = [0x80, 0x250, 0x600, 0x3000, 0x10000, 0x110000, 0x20000];
  const joined = ["\u0301", "\u0323", "\u200d", "\ufe0f", "\u0000", "'", " ", "[SEP]", "<mask>", "\t", "\ud83d"];
  const letter = () => {
    const kind = below(10);
    if (kind < 4) return String.fromCharCode(97 + below(26));
    if (kind < 6) return joined[below(joined.length)]!;
    return String.fromCodePoint(below(ranges[below(ranges.length)]!));
  };
  return Array.from({ length: count }, () => Array.from({ length: below(24) }, letter).join(""));
}

describe("WordPiece gives the library's ids", () => {
  const random = randomTexts(4_000, 11);
  const everything = [...corners, ...random];
  const vocab = vocabularyOf(everything);

  test.each([
    ["lower-cased, accents stripped", {}],
    ["cased", { lowercase: false }],
    ["cased, accents stripped", { lowercase: false, strip_accents: true }],
    ["lower-cased, accents kept", { strip_accents: false }],
    ["neither cleaned nor isolated", { clean_text: false, handle_chinese_chars: false }],
    ["as it is", undefined],
  ])("of Unicode's corners and random text, %s", { timeout: 120_000 }, (_, settings) => {
    const file = JSON.parse(wordPieceTokenizerJson(vocab, { lowercase: true }));
    file.normalizer = settings === undefined ? null : { ...file.normalizer, ...settings };
    const { checked, different } = differences(JSON.stringify(file), everything);
    expect(different).toEqual([]);
    expect(checked).toBe(everything.length);
  });

  test("of words of up to four code points, with another bound than a hundred", () => {
    const file = JSON.parse(wordPieceTokenizerJson(vocab, { lowercase: true }));
    file.model.max_input_chars_per_word = 4;
    expect(differences(JSON.stringify(file), everything).different).toEqual([]);
  });

  test("with a small vocabulary, where most words are cut into pieces or unknown", () => {
    const json = wordPieceTokenizerJson(wordPiece.vocab, { lowercase: true });
    expect(differences(json, everything).different).toEqual([]);
  });

  describe("with the bundled extractor's tokenizer", () => {
    const json = readFileSync(new URL("../../../../assets/extractor/tokenizer.json", import.meta.url), "utf8");

    test("of Unicode's corners and random text", () => {
      expect(differences(json, everything).different).toEqual([]);
    });

    test("of every piece it has, the longest too: alone, as a word's end and before another", {
      timeout: 120_000,
    }, () => {
      const pieces = Object.keys(JSON.parse(json).model.vocab).map((piece) => piece.replace(/^##/, ""));
      const texts = pieces.flatMap((piece, i) => [piece, `a${piece}`, piece + pieces[(i * 7) % pieces.length]!]);
      const { checked, different } = differences(json, texts);
      expect(different).toEqual([]);
      expect(checked).toBe(3 * pieces.length);
    });
  });
});

describe("byte-level BPE gives the library's ids", () => {
  const json = byteLevelBpeTokenizerJson({ vocabJson: JSON.stringify(bpe.vocab), mergesText: bpe.merges.join("\n") });
  const texts = [...corners, ...randomTexts(4_000, 12)];

  test("of Unicode's corners and random text", { timeout: 120_000 }, () => {
    expect(differences(json, texts).different).toEqual([]);
  });

  test("with a space put before the text, and without splitting it into words", () => {
    for (const change of [{ add_prefix_space: true }, { use_regex: false }]) {
      const file = JSON.parse(json);
      Object.assign(file.pre_tokenizer, change);
      expect(differences(JSON.stringify(file), texts).different).toEqual([]);
    }
  });

  test("with bytes that the vocabulary lacks left out, or as its unknown token", () => {
    const file = JSON.parse(json);
    for (const letter of ["Ã", "q", "Ł"]) delete file.model.vocab[letter];
    const isWhole = (merge: string) =>
      [...merge.split(" "), merge.replace(" ", "")].every((token) => token in file.model.vocab);
    file.model.merges = file.model.merges.filter((merge: string) => isWhole(merge));
    expect(differences(JSON.stringify(file), texts).different).toEqual([]);
    file.model.unk_token = "<unk>";
    expect(differences(JSON.stringify(file), texts).different).toEqual([]);
  });
});

const friends = ["meld/train_sent_emo.csv", "meld/dev_sent_emo.csv", "emorynlp/emorynlp_pretrain_noleak.csv"];
const reddit = ["goemotions/train.tsv", "goemotions/dev.tsv"];

const vocabularies = ["vocab/bert-uncased/vocab.txt", "vocab/roberta-base/tokenizer.json"];
describeUnlessLacking("on published data", lackOfData(...friends, ...reddit, ...vocabularies), () => {
  const linesOf = (files: readonly string[]) => [
    ...new Set(files.flatMap((name) => readFileSync(`${dataFolder}/${name}`, "utf8").split("\n"))),
  ];

  test("gives the library's ids on all lines of MELD, EmoryNLP and GoEmotions with BERT's own 30,522 pieces", {
    timeout: 600_000,
  }, () => {
    const vocab = readFileSync(`${dataFolder}/vocab/bert-uncased/vocab.txt`, "utf8").trimEnd().split(/\r?\n/);
    const json = wordPieceTokenizerJson(vocab, { lowercase: true });
    const { checked, different } = differences(json, linesOf([...friends, ...reddit]));
    expect(different).toEqual([]);
    expect(checked).toBeGreaterThan(60_000);
  });

  test("gives the library's ids on all lines of MELD and EmoryNLP with RoBERTa's own tokenizer.json", {
    timeout: 600_000,
  }, () => {
    const json = readFileSync(`${dataFolder}/vocab/roberta-base/tokenizer.json`, "utf8");
    const { checked, different } = differences(json, linesOf(friends));
    expect(different).toEqual([]);
    expect(checked).toBeGreaterThan(15_000);
  });
});
