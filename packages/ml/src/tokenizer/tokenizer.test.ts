import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MlError } from "../error.js";
import { createTokenizer, wordPieceTokenizerJson } from "./tokenizer.js";

interface Golden {
  /** A small vocabulary: the special tokens, and every piece into which the texts are cut under BERT's own 30,522. */
  readonly vocab: string[];
  readonly cases: { text: string; ids: number[]; cutTo8: { ids: number[]; mask: number[] } }[];
  readonly codePoints: [number, string][];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../../../test/golden/wordpiece.json", import.meta.url), "utf8"),
);
const json = wordPieceTokenizerJson(golden.vocab, { lowercase: true });
const tokenizer = createTokenizer(json);
const [cls, sep] = [golden.vocab.indexOf("[CLS]"), golden.vocab.indexOf("[SEP]")];

describe("beside Transformers' BertTokenizerFast", () => {
  test.each(golden.cases.map((entry) => [JSON.stringify(entry.text).slice(0, 60), entry] as const))(
    "gives the same ids for %s, whole and cut and padded to 8",
    (_, { text, ids, cutTo8 }) => {
      expect([...tokenizer.encode(text, { maxTokens: 10_000 }).ids]).toEqual(ids);
      const cut = tokenizer.encode(text, { maxTokens: 8, pad: true });
      expect([...cut.ids]).toEqual(cutTo8.ids);
      expect([...cut.attentionMask]).toEqual(cutTo8.mask);
    },
  );

  test("removes, separates or keeps every code point of Unicode 3.2 alike", { timeout: 60_000 }, () => {
    const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b"];
    const small = createTokenizer(wordPieceTokenizerJson(vocab, { lowercase: true }));
    const meanings = new Map([
      ["a ##b", "removed"],
      ["a b", "space"],
      ["a [UNK] b", "alone"],
      ["[UNK]", "letter"],
    ]);
    const different: string[] = [];
    for (const [i, [first, expected]] of golden.codePoints.entries()) {
      if (expected === "skipped") continue;
      const end = golden.codePoints[i + 1]?.[0] ?? 0x110000;
      for (let code = first; code < end; code++) {
        const { ids } = small.encode(`a${String.fromCodePoint(code)}b`);
        const tokens = Array.from(ids.subarray(1, -1), (id) => vocab[id]).join(" ");
        const what = meanings.get(tokens) ?? tokens;
        if (what !== expected) different.push(`U+${code.toString(16)}: ${what}, expected ${expected}`);
      }
    }
    expect(different).toEqual([]);
  });
});

describe("lengths", () => {
  test("encodes at true length by default, at most 32 tokens, the closing special token kept", () => {
    expect([...tokenizer.encode("").ids]).toEqual([cls, sep]);
    const { ids, attentionMask } = tokenizer.encode("word ".repeat(100));
    expect(ids).toHaveLength(32);
    expect([ids[0], ids[31]]).toEqual([cls, sep]);
    expect(attentionMask.every((value) => value === 1)).toBe(true);
  });

  test("refuses a length without room for a token, naming it", () => {
    expect(() => tokenizer.encode("what", { maxTokens: 2 })).toThrow(
      "maxTokens 2 leaves no room beside 2 special tokens",
    );
    expect(() => tokenizer.encode("what", { maxTokens: Number.NaN })).toThrow(MlError);
  });

  test("takes lone surrogates as absent and very long text in stride", () => {
    for (const lone of ["\ud83d", "\ude00", "\ud83d\ud83d", "\ude00\ud83d"]) {
      expect([...tokenizer.encode(`what${lone}`).ids]).toEqual([...tokenizer.encode("what").ids]);
    }
    for (const long of ["x", " ", "\u0000", "\ud800", "\u{1f600}", "a ", "!"]) {
      expect(tokenizer.encode(long.repeat(200_000)).ids.length).toBeLessThanOrEqual(32);
    }
  });
});

describe("tokenizer.json", () => {
  test("is written the same each time", () => {
    expect(wordPieceTokenizerJson(golden.vocab, { lowercase: true })).toBe(json);
    expect(tokenizer.vocabSize).toBe(golden.vocab.length);
  });

  test("keeps case when the vocabulary is cased", () => {
    const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "a"];
    const cased = createTokenizer(wordPieceTokenizerJson(vocab, { lowercase: false }));
    expect([...cased.encode("A a").ids]).toEqual([2, 5, 6, 3]);
  });

  test("counts the later of two equal entries, and every line, blank ones too", () => {
    const vocab = ["[UNK]", "[CLS]", "[SEP]", "a", "", "a", "b", ""];
    const odd = createTokenizer(wordPieceTokenizerJson(vocab, { lowercase: true }));
    expect([...odd.encode("a b c [MASK]").ids]).toEqual([1, 5, 6, 0, 0, 0, 0, 2]);
  });

  test.each(["[UNK]", "[CLS]", "[SEP]"])("refuses a vocabulary without %s, which encodings need", (missing) => {
    const vocab = ["[UNK]", "[CLS]", "[SEP]", "a"].filter((token) => token !== missing);
    expect(() => wordPieceTokenizerJson(vocab, { lowercase: true })).toThrow(`lacks the special token ${missing}`);
  });

  test.each([
    ["text that is no JSON", "{", "not JSON"],
    ["a list", "[]", "not a JSON object"],
    ["no model", "{}", "model.type undefined is not one of"],
    ["another model", '{"model":{"type":"Unigram"}}', 'model.type "Unigram"'],
    ["no vocabulary", '{"model":{"type":"WordPiece"},"added_tokens":[]}', "model.vocab"],
    ["no added tokens", '{"model":{"type":"WordPiece","vocab":{}}}', "added_tokens"],
    ["an unknown token that is unknown", edit({ unk_token: "[NOPE]" }), 'model.unk_token "[NOPE]"'],
    ["an id that is no number", edit({ vocab: { "[UNK]": "1" } }), 'the id of "[UNK]"'],
    ["an id that would take all memory", edit({ vocab: { "[UNK]": 4e9 } }), 'the id of "[UNK]"'],
    ["a missing part", json.replace('"post_processor"', '"processor"'), "post_processor"],
  ])("with %s is refused, naming the part", (_, text, message) => {
    expect(() => createTokenizer(text)).toThrow(message);
    expect(() => createTokenizer(text)).toThrow(MlError);
  });

  test.each([
    ["another normalizer", { normalizer: { type: "NFC" } }, 'normalizer.type "NFC" is not BertNormalizer'],
    [
      "half a normalizer",
      { normalizer: { type: "BertNormalizer", lowercase: true } },
      "normalizer.clean_text is undefined",
    ],
    ["another pre-tokenizer", { pre_tokenizer: { type: "Whitespace" } }, 'pre_tokenizer.type "Whitespace"'],
    ["another post-processor", { post_processor: { type: "Sequence" } }, 'post_processor.type "Sequence"'],
    ["a template without text", { post_processor: template([]) }, "names the text 0 times"],
    ["a template of a pair", { post_processor: template([{ Sequence: { id: "B" } }]) }, 'names the sequence "B"'],
    ["an unknown special token", { post_processor: template([{ SpecialToken: { id: "[X]" } }]) }, 'the ids of "[X]"'],
    ["a setting of another kind", { added_tokens: [added({ lstrip: "yes" })] }, '"[SEP]".lstrip is "yes", not true'],
    ["an empty added token", { added_tokens: [added({ content: "" })] }, "content is not a text"],
  ])("with %s is refused instead of read as something else", (_, change, message) => {
    const text = JSON.stringify({ ...JSON.parse(json), ...change });
    expect(() => createTokenizer(text)).toThrow(message);
    expect(() => createTokenizer(text)).toThrow(MlError);
  });

  test.each([
    ["another prefix", { continuing_subword_prefix: "@@" }, 'continuing_subword_prefix is "@@"; only "##"'],
    ["no bound on words", { max_input_chars_per_word: 0 }, "max_input_chars_per_word 0 is not a whole number"],
  ])("whose model has %s is refused", (_, model, message) => {
    expect(() => createTokenizer(edit(model))).toThrow(message);
  });

  test("is read alike however it is laid out, and wherever else it says vocab", () => {
    const file = JSON.parse(json);
    const texts = [JSON.stringify(file, null, 2), JSON.stringify({ vocab: { a: 1 }, note: '"vocab":{', ...file })];
    for (const text of texts) {
      const other = createTokenizer(text);
      expect(other.vocabSize).toBe(tokenizer.vocabSize);
      for (const { text: sentence, ids } of golden.cases) {
        expect([...other.encode(sentence, { maxTokens: 10_000 }).ids]).toEqual(ids);
      }
    }
  });

  test("without a padding token encodes, but not padded", () => {
    const bare = JSON.parse(json);
    bare.added_tokens = bare.added_tokens.filter((token: { content: string }) => token.content !== "[PAD]");
    delete bare.model.vocab["[PAD]"];
    const unpadded = createTokenizer(JSON.stringify(bare));
    expect(unpadded.encode("what").ids).toEqual(tokenizer.encode("what").ids);
    expect(() => unpadded.encode("what", { pad: true })).toThrow("no padding token");
  });
});

function edit(model: Record<string, unknown>): string {
  const parsed = JSON.parse(json);
  return JSON.stringify({ ...parsed, model: { ...parsed.model, ...model } });
}

const template = (single: object[]) => ({ type: "TemplateProcessing", single, pair: [], special_tokens: {} });

const added = (change: object) => ({ id: sep, content: "[SEP]", normalized: false, special: true, ...change });
