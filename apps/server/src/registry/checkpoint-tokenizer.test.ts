// What stands beside a tokenizer's own files counts as in Transformers: each list of ids here is what its 5.23 gave for the same folder.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { afterAll, describe, expect, it } from "vitest";
import { readTokenizerJson } from "./checkpoint-tokenizer.js";

const directory = mkdtempSync(join(tmpdir(), "attune-tokenizer-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function folderOf(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(directory, "checkpoint-"));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

const vocab = [
  ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "One", "one", "é", "e", "É", "E"],
  ...["中", "中one", "##one", "O", "o"],
];
const wordPieces = vocab.join("\n");
const made = (changes: Record<string, unknown> = {}) => {
  const file = JSON.parse(wordPieceTokenizerJson(vocab, { lowercase: true }));
  return JSON.stringify({ ...file, normalizer: { ...file.normalizer, ...changes } });
};
const idsOf = (files: Record<string, unknown>, text = "One É 中one") => [
  ...createTokenizer(readTokenizerJson(folderOf(files))).encode(text).ids,
];

describe("tokenizer_config.json beside a WordPiece vocabulary", () => {
  const cases: [Record<string, unknown>, number[]][] = [
    [{}, [2, 6, 8, 11, 6, 3]],
    [{ do_lower_case: true }, [2, 6, 8, 11, 6, 3]],
    [{ do_lower_case: false }, [2, 5, 9, 11, 6, 3]],
    [{ strip_accents: false }, [2, 6, 7, 11, 6, 3]],
    [{ strip_accents: null }, [2, 6, 8, 11, 6, 3]],
    [{ tokenize_chinese_chars: false }, [2, 6, 8, 12, 3]],
    [{ cls_token: "[CLS]", sep_token: { content: "[SEP]", __type: "AddedToken" } }, [2, 6, 8, 11, 6, 3]],
  ];
  it.each(cases)("%j is obeyed, in vocab.txt as in tokenizer.json", (settings, ids) => {
    expect(idsOf({ "vocab.txt": wordPieces, "tokenizer_config.json": settings })).toEqual(ids);
    expect(idsOf({ "tokenizer.json": made(), "tokenizer_config.json": settings })).toEqual(ids);
  });

  it("also where tokenizer.json says the contrary", () => {
    const cased = made({ lowercase: false });
    expect(idsOf({ "tokenizer.json": cased })).toEqual([2, 5, 9, 11, 6, 3]);
    expect(idsOf({ "tokenizer.json": cased, "tokenizer_config.json": { do_lower_case: true } })).toEqual(cases[0]![1]);
  });

  it("not with a class that reads tokenizer.json alone", () => {
    const settings = { tokenizer_class: "PreTrainedTokenizerFast", do_lower_case: false };
    expect(idsOf({ "tokenizer.json": made(), "tokenizer_config.json": settings })).toEqual(cases[0]![1]);
  });

  it("leaves tokenizer.json as it lies there where it says the same", () => {
    const spaced = JSON.stringify(JSON.parse(made()), null, 2);
    const settings = { do_lower_case: true, tokenize_chinese_chars: true, strip_accents: null };
    expect(readTokenizerJson(folderOf({ "tokenizer.json": spaced, "tokenizer_config.json": settings }))).toBe(spaced);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["another token before a text", { cls_token: "One" }, 'tokenizer_config.json: cls_token "One" is not what'],
    ["another token after it", { sep_token: { content: "one" } }, 'sep_token "one" is not what'],
    ["a token of its own", { added_tokens_decoder: { 5: { content: "One" } } }, 'the added token "One" is not in'],
    ["a setting of another kind", { do_lower_case: "no" }, "do_lower_case is not as Hugging Face writes it"],
  ])("%s is refused", (_, settings, message) => {
    for (const own of [{ "vocab.txt": wordPieces }, { "tokenizer.json": made() }]) {
      expect(() => readTokenizerJson(folderOf({ ...own, "tokenizer_config.json": settings }))).toThrow(message);
    }
  });

  it("that is no object is refused, and so is a token of added_tokens.json that is passed over", () => {
    const read = (files: Record<string, unknown>) => () =>
      readTokenizerJson(folderOf({ "vocab.txt": wordPieces, ...files }));
    expect(read({ "tokenizer_config.json": [] })).toThrow("tokenizer_config.json: is not a JSON object");
    expect(read({ "added_tokens.json": { "@USER": 16 } })).toThrow('added_tokens.json: the added token "@USER"');
    expect(read({ "added_tokens.json": { "[MASK]": 4 } })).not.toThrow();
  });
});

it("add_prefix_space is obeyed beside vocab.json with merges.txt, and beside tokenizer.json", () => {
  const golden = new URL("../../../../test/golden/bpe.json", import.meta.url);
  const bpe: { vocab: Record<string, number>; merges: string[] } = JSON.parse(readFileSync(golden, "utf8"));
  const files = { "vocab.json": bpe.vocab, "merges.txt": `#version: 0.2\n${bpe.merges.join("\n")}\n` };
  const prefixed = { add_prefix_space: true, cls_token: "<s>", sep_token: "</s>" };
  const plain = idsOf(files, "the");
  const spaced = idsOf(files, " the");
  expect(spaced).not.toEqual(plain);
  expect(idsOf({ ...files, "tokenizer_config.json": prefixed }, "the")).toEqual(spaced);
  const own = { "tokenizer.json": readTokenizerJson(folderOf(files)) };
  expect(idsOf({ ...own, "tokenizer_config.json": prefixed }, "the")).toEqual(spaced);
  expect(idsOf({ ...own, "tokenizer_config.json": { add_prefix_space: false } }, "the")).toEqual(plain);
});
