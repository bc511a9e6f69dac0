import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MlError } from "../error.js";
import { createTokenizer, wordPieceTokenizerJson } from "./tokenizer.js";

interface Golden {
  /** A small vocabulary: the special tokens and every piece the texts come to under BERT's own 30,522. */
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
  it.each(golden.cases.map((entry) => [JSON.stringify(entry.text).slice(0, 60), entry] as const))(
    "gives the same ids for %s, whole and cut and padded to 8",
    (_, { text, ids, cutTo8 }) => {
      expect([...tokenizer.encode(text, { maxTokens: 10_000 }).ids]).toEqual(ids);
      const cut = tokenizer.encode(text, { maxTokens: 8, pad: true });
      expect([...cut.ids]).toEqual(cutTo8.ids);
      expect([...cut.attentionMask]).toEqual(cutTo8.mask);
    },
  );

  it("removes, separates or keeps every code point of Unicode 3.2 alike", { timeout: 60_000 }, () => {
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
  it("encodes at true length by default, at most 32 tokens, the closing special token kept", () => {
    expect([...tokenizer.encode("").ids]).toEqual([cls, sep]);
    const { ids, attentionMask } = tokenizer.encode("word ".repeat(100));
    expect(ids).toHaveLength(32);
    expect([ids[0], ids[31]]).toEqual([cls, sep]);
    expect(attentionMask.every((value) => value === 1)).toBe(true);
  });

  it("refuses a length without room for a token, naming it", () => {
    expect(() => tokenizer.encode("what", { maxTokens: 2 })).toThrow(
      "maxTokens 2 leaves no room beside 2 special tokens",
    );
    expect(() => tokenizer.encode("what", { maxTokens: Number.NaN })).toThrow(MlError);
  });

  it("takes lone surrogates as absent and very long text in stride", () => {
    for (const lone of ["\ud83d", "\ude00", "\ud83d\ud83d", "\ude00\ud83d"]) {
      expect([...tokenizer.encode(`what${lone}`).ids]).toEqual([...tokenizer.encode("what").ids]);
    }
    for (const long of ["x", " ", "\u0000", "\ud800", "\u{1f600}", "a ", "!"]) {
      expect(tokenizer.encode(long.repeat(200_000)).ids.length).toBeLessThanOrEqual(32);
    }
  });
});

describe("tokenizer.json", () => {
  it("is what its digest is taken over, and is written the same each time", () => {
    expect(tokenizer.digestSource).toBe(json);
    expect(wordPieceTokenizerJson(golden.vocab, { lowercase: true })).toBe(json);
    expect(tokenizer.vocabSize).toBe(golden.vocab.length);
  });

  it("keeps case when the vocabulary is cased", () => {
    const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "a"];
    const cased = createTokenizer(wordPieceTokenizerJson(vocab, { lowercase: false }));
    expect([...cased.encode("A a").ids]).toEqual([2, 5, 6, 3]);
  });

  it("refuses a vocabulary with a repeated, empty or missing entry, naming the line or token", () => {
    const make = (vocab: string[]) => () => wordPieceTokenizerJson(vocab, { lowercase: true });
    const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    expect(make([...special, "a", "a"])).toThrow('Vocabulary line 7: "a" appears twice');
    expect(make([...special, ""])).toThrow("Vocabulary line 6: empty");
    expect(make(special.slice(1))).toThrow("lacks the special token [PAD]");
  });

  it.each([
    ["text that is no JSON", "{", "not JSON"],
    ["a list", "[]", "not a JSON object"],
    ["no model", "{}", "model.type undefined is not one of"],
    ["another model", '{"model":{"type":"Unigram"}}', 'model.type "Unigram"'],
    ["no vocabulary", '{"model":{"type":"WordPiece"},"added_tokens":[]}', "model.vocab"],
    ["no added tokens", '{"model":{"type":"WordPiece","vocab":{}}}', "added_tokens"],
    ["an unknown token that is unknown", edit({ unk_token: "[NOPE]" }), 'model.unk_token "[NOPE]"'],
    ["an id that is no number", edit({ vocab: { "[UNK]": "1" } }), 'the id of "[UNK]"'],
    ["an id that would take all memory", edit({ vocab: { "[UNK]": 4e9 } }), 'the id of "[UNK]"'],
    ["a missing part", json.replace('"decoder"', '"coder"'), "decoder"],
  ])("with %s is refused, naming the part", (_, text, message) => {
    expect(() => createTokenizer(text)).toThrow(message);
    expect(() => createTokenizer(text)).toThrow(MlError);
  });

  it("without a padding token encodes, but not padded", () => {
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
