// A checkpoint's tokenizer gives the ids that it gives in Transformers, whatever files lie beside it, or is refused by
// name. The ids are from imported-tokenizers.json, which test/golden/generate_tokenizers.py writes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { afterAll, describe, expect, test } from "vitest";
import { readTokenizerJson } from "./checkpoint-tokenizer.js";

const directory = mkdtempSync(join(tmpdir(), "attune-tokenizer-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../../test/golden/${name}`, import.meta.url), "utf8"));
const bpe: { vocab: Record<string, number>; merges: string[] } = golden("bpe.json");
const { "<mask>": _, ...vocabWithoutMask } = bpe.vocab;
const mergesText = `#version: 0.2\n${bpe.merges.join("\n")}\n`;
const shared: Record<string, Record<string, string>> = {
  "bpe.json": { "vocab.json": JSON.stringify(bpe.vocab), "merges.txt": mergesText },
  "bpe.json without <mask>": { "vocab.json": JSON.stringify(vocabWithoutMask) },
};

function folderOf(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(directory, "checkpoint-"));
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string" ? (shared[content]?.[name] ?? content) : JSON.stringify(content);
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

interface Case {
  readonly name: string;
  readonly modelType: string | null;
  readonly files: Record<string, unknown>;
  readonly rows: readonly (readonly [text: string, ids: number[]])[];
}

describe("the ids are those of Transformers for", () => {
  const { cases }: { cases: Case[] } = golden("imported-tokenizers.json");
  test.each(cases)("$name", ({ modelType, files, rows }) => {
    const origin = { modelType: modelType ?? undefined, vocabSize: 1000 };
    const tokenizer = createTokenizer(readTokenizerJson(folderOf(files), origin));
    expect(rows.map(([text]) => [text, [...tokenizer.encode(text, { maxTokens: 100 }).ids]])).toEqual(rows);
  });
});

const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "One", "one"];
const wordPieces = vocab.join("\n");
const file = JSON.parse(wordPieceTokenizerJson(vocab, { lowercase: true }));
const made = (changes: Record<string, unknown> = {}) => JSON.stringify({ ...file, ...changes });
const bert = { modelType: "bert", vocabSize: vocab.length };

test("leaves tokenizer.json as it lies there where it says the same", () => {
  const spaced = JSON.stringify(file, null, 2);
  const settings = { do_lower_case: true, tokenize_chinese_chars: true, strip_accents: null };
  const folder = folderOf({ "tokenizer.json": spaced, "tokenizer_config.json": settings });
  expect(readTokenizerJson(folder, bert)).toBe(spaced);
});

test("leaves the tokenizer.json of a folder that was written here as it is, whatever the class would do", () => {
  const cased = made({ normalizer: { ...file.normalizer, lowercase: false } });
  expect(readTokenizerJson(folderOf({ "tokenizer.json": cased }), { ...bert, isOwn: true })).toBe(cased);
});

test("takes a special token that neither vocabulary nor encoder has for text, so that no text can ask for it", () => {
  const folder = folderOf({ "vocab.txt": wordPieces.replace("[MASK]\n", "") });
  const tokenizer = createTokenizer(readTokenizerJson(folder, { modelType: "bert", vocabSize: 6 }));
  expect([...tokenizer.encode("[MASK] one").ids]).toEqual([2, 1, 1, 1, 5, 3]);
});

const decoder = Object.fromEntries(vocab.slice(0, 5).map((content, id) => [id, { content, special: true }]));
const added = (change: object) => ({ id: 7, content: "new", special: false, normalized: true, ...change });
const plain = { tokenizer_class: "PreTrainedTokenizerFast" };

describe("refused by name, for Transformers computes something else:", () => {
  const typed = { ...file.post_processor, single: structuredClone(file.post_processor.single) };
  typed.single[1].Sequence.type_id = 1;
  const left = { direction: "Left", max_length: 8, strategy: "LongestFirst", stride: 0 };
  test.each<[string, Record<string, unknown>, string]>([
    ["another class", { tokenizer_class: "BertJapaneseTokenizer" }, 'tokenizer_class "BertJapaneseTokenizer" is not'],
    ["a class named as an object's method", { tokenizer_class: "toString" }, 'tokenizer_class "toString" is not'],
    ["a class of the publisher's own", { auto_map: { AutoTokenizer: ["own.Own", null] } }, "auto_map names code"],
    ["another token before a text", { cls_token: "One" }, 'cls_token "One" is not what'],
    ["another token after it", { sep_token: { content: "one" } }, 'sep_token "one" is not what'],
    ["another unknown token", { unk_token: "one" }, "the model.unk_token is not one"],
    ["a token with another id", { added_tokens_decoder: { ...decoder, 9: { content: "x" } } }, '"x" has the id 9 here'],
    ["special tokens that are split", { split_special_tokens: true }, "split_special_tokens is true"],
    ["a text that loses its beginning", { truncation_side: "left" }, 'truncation_side is "left"'],
    ["a setting of another kind", { do_lower_case: "no" }, "do_lower_case is not as Hugging Face writes it"],
  ])("%s", (_, settings, message) => {
    for (const own of [{ "vocab.txt": wordPieces }, { "tokenizer.json": made() }]) {
      const folder = folderOf({ ...own, "tokenizer_config.json": settings });
      expect(() => readTokenizerJson(folder, bert)).toThrow(message);
    }
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ["token types", { post_processor: typed }, {}, "the post_processor gives token types other than 0"],
    ["token types of a general class", { post_processor: typed }, plain, "the post_processor in tokenizer.json gives"],
    ["no normalizer", { normalizer: null }, {}, "the normalizer does not clean a text"],
    ["another bound on words", { model: { ...file.model, max_input_chars_per_word: 4 } }, {}, "is not 100"],
    ["truncation on the left", { truncation: left }, {}, "the truncation in tokenizer.json is Left"],
    ["an id that no vocabulary gives", { added_tokens: [added({ id: 9 })] }, plain, '"new" has the id 9 here and 7 in'],
    [
      "a token that two files describe differently",
      { added_tokens: [...file.added_tokens, added({})] },
      { added_tokens_decoder: { ...decoder, 7: { content: "new", lstrip: true } } },
      '"new" is another in tokenizer.json than in added_tokens_decoder',
    ],
    [
      "a token that one file lacks",
      { added_tokens: [...file.added_tokens, added({})] },
      { added_tokens_decoder: decoder },
      'added_tokens_decoder lacks "new"',
    ],
  ])("a tokenizer.json with %s", (_, changes, settings, message) => {
    const folder = folderOf({ "tokenizer.json": made(changes), "tokenizer_config.json": settings });
    expect(() => readTokenizerJson(folder, bert)).toThrow(message);
  });

  test("a class that config.json states, and one whose files are not there", () => {
    const folder = folderOf({ "vocab.txt": wordPieces });
    const read = (origin: object) => () => readTokenizerJson(folder, { ...bert, ...origin });
    expect(read({ tokenizerClass: "XLNetTokenizer" })).toThrow('config.json: tokenizer_class "XLNetTokenizer"');
    expect(read({ tokenizerClass: "RobertaTokenizer" })).toThrow("neither tokenizer.json nor vocab.json with merges");
    expect(read({ modelType: "roberta" })).toThrow("neither tokenizer.json nor vocab.json with merges.txt");
    expect(read({ tokenizerClass: "PreTrainedTokenizerFast" })).toThrow("holds no tokenizer.json");
  });

  test("files that are not what they should be", () => {
    const read = (files: Record<string, unknown>) => () =>
      readTokenizerJson(folderOf({ "vocab.txt": wordPieces, ...files }), bert);
    expect(read({ "tokenizer_config.json": [] })).toThrow("tokenizer_config.json: the content is not a JSON object");
    expect(read({ "added_tokens.json": { "@USER": "7" } })).toThrow('added_tokens.json: the id of "@USER" is not');
    expect(read({ "added_tokens.json": { "@USER": 8 } })).toThrow('"@USER" has the id 8 here and 7 in Transformers');
    expect(read({ "added_tokens.json": { "[MASK]": 4 } })).not.toThrow();
  });
});

test("reads NaN where Python wrote it", () => {
  const folder = folderOf({
    "vocab.txt": wordPieces,
    "tokenizer_config.json": '{"score": NaN, "do_lower_case": false}',
  });
  expect([...createTokenizer(readTokenizerJson(folder, bert)).encode("One one").ids]).toEqual([2, 5, 6, 3]);
});
