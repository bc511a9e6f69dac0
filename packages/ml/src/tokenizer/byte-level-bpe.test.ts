import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dataFolder, describeUnlessLacking, lackOfData } from "../../../../test/requirements.js";
import { MlError } from "../error.js";
import { byteLevelBpeTokenizerJson } from "./byte-level-bpe.js";
import { createTokenizer } from "./tokenizer.js";

interface Golden {
  /**
   * A small vocabulary: the special tokens, every byte, and all tokens through which the texts' merges pass
   * under roberta-base's own 50,265.
   */
  readonly vocab: Record<string, number>;
  readonly merges: string[];
  readonly cases: { text: string; ids: number[]; cutTo8: { ids: number[]; mask: number[] } }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../../../../test/golden/bpe.json", import.meta.url), "utf8"));
const vocabJson = JSON.stringify(golden.vocab);
const mergesText = `#version: 0.2\n${golden.merges.join("\n")}\n`;
const json = byteLevelBpeTokenizerJson({ vocabJson, mergesText });
const tokenizer = createTokenizer(json);

describe("beside Transformers' RobertaTokenizerFast", () => {
  test.each(golden.cases.map((entry) => [JSON.stringify(entry.text).slice(0, 60), entry] as const))(
    "gives the same ids for %s, whole and cut and padded to 8",
    (_, { text, ids, cutTo8 }) => {
      expect([...tokenizer.encode(text, { maxTokens: 10_000 }).ids]).toEqual(ids);
      const cut = tokenizer.encode(text, { maxTokens: 8, pad: true });
      expect([...cut.ids]).toEqual(cutTo8.ids);
      expect([...cut.attentionMask]).toEqual(cutTo8.mask);
    },
  );
});

test("takes lone surrogates as absent and very long text in stride", () => {
  for (const lone of ["\ud83d", "\ude00", "\ud83d\ud83d", "\ude00\ud83d"]) {
    expect([...tokenizer.encode(`what${lone}`).ids]).toEqual([...tokenizer.encode("what").ids]);
  }
  for (const long of ["x ", " ", "\u0000", "\ud800", "\u{1f600} ", "!a"]) {
    expect(tokenizer.encode(long.repeat(20_000)).ids.length).toBeLessThanOrEqual(32);
  }
});

test("reads a merges.txt with Windows line ends, and one without its first comment", () => {
  const same = (text: string) => expect(byteLevelBpeTokenizerJson({ vocabJson, mergesText: text })).toBe(json);
  same(mergesText.replaceAll("\n", "\r\n"));
  same(golden.merges.join("\n"));
});

test("opens a tokenizer.json that does not name its model's type, as the first ones did not", () => {
  const older = JSON.parse(json);
  delete older.model.type;
  expect(createTokenizer(JSON.stringify(older)).encode("Oh my God").ids).toEqual(tokenizer.encode("Oh my God").ids);
});

test.each([
  ["another pre-tokenizer", { pre_tokenizer: { type: "Metaspace" } }, 'pre_tokenizer.type "Metaspace"'],
  ["a normalizer", { normalizer: { type: "NFC" } }, 'normalizer "NFC" beside a BPE model'],
  ["dropout", { model: { dropout: 0.1 } }, "model.dropout is 0.1"],
  ["bytes for unknown letters", { model: { byte_fallback: true } }, "model.byte_fallback is true"],
  ["a merge of three", { model: { merges: ["a b c"] } }, "model.merges 1 is not two tokens"],
  ["a merge to no token", { model: { merges: [["!", "Q"]] } }, 'model.merges 1: "!Q" is not in model.vocab'],
  ["no merges", { model: { type: "BPE", merges: null } }, "model.merges is not a list"],
])("a tokenizer.json with %s is refused instead of read as something else", (_, change, message) => {
  const file = JSON.parse(json);
  const { model = {}, ...rest } = change as { model?: object };
  const text = JSON.stringify({ ...file, ...rest, model: { ...file.model, ...model } });
  expect(() => createTokenizer(text)).toThrow(message);
  expect(() => createTokenizer(text)).toThrow(MlError);
});

test("reads merges as pairs, as newer files write them", () => {
  const file = JSON.parse(json);
  file.model.merges = file.model.merges.map((merge: string) => merge.split(" "));
  expect(createTokenizer(JSON.stringify(file)).encode("Oh my God").ids).toEqual(tokenizer.encode("Oh my God").ids);
});

const changed = (change: (vocab: Record<string, number>) => void) => {
  const vocab = { ...golden.vocab };
  change(vocab);
  return JSON.stringify(vocab);
};

test.each([
  ["text that is no JSON", "{", mergesText, "vocab.json is not JSON"],
  ["a list", "[]", mergesText, "vocab.json is not a JSON object"],
  ["no start token", changed((vocab) => delete vocab["<s>"]), mergesText, "vocab.json lacks the special token <s>"],
  ["a byte without a letter", changed((vocab) => delete vocab.Ċ), mergesText, 'vocab.json lacks "Ċ"'],
  ["an id twice", changed((vocab) => Object.assign(vocab, { "<s>": 1 })), mergesText, '"<pad>" both have the id 1'],
  ["an id that is no number", changed((vocab) => Object.assign(vocab, { "!": "5" })), mergesText, 'the id of "!"'],
  ["a merge of three", vocabJson, "a b c\n", "merges.txt line 1: not two tokens"],
  ["a merge to no token", vocabJson, "#version: 0.2\n\n! Q\n", 'merges.txt line 3: "!Q" is not in vocab.json'],
])("with %s is refused, naming the file and the place", (_, vocab, merges, message) => {
  const make = () => byteLevelBpeTokenizerJson({ vocabJson: vocab, mergesText: merges });
  expect(make).toThrow(message);
  expect(make).toThrow(MlError);
});

const files = ["vocab.json", "merges.txt", "tokenizer.json"].map((name) => `vocab/roberta-base/${name}`);
describeUnlessLacking("on published data", lackOfData(...files), () => {
  test("makes of roberta-base's vocab.json and merges.txt what its published tokenizer.json says", {
    timeout: 60_000,
  }, () => {
    const read = (name: string) => readFileSync(`${dataFolder}/vocab/roberta-base/${name}`, "utf8");
    const ours = JSON.parse(
      byteLevelBpeTokenizerJson({ vocabJson: read("vocab.json"), mergesText: read("merges.txt") }),
    );
    const published = JSON.parse(read("tokenizer.json"));
    expect(ours.model.vocab).toEqual(published.model.vocab);
    expect(ours.model.merges).toEqual(published.model.merges);
    expect(ours.post_processor).toEqual(published.post_processor);
    expect(ours.pre_tokenizer).toMatchObject(published.pre_tokenizer);
  });
});
