import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteLevelBpeTokenizerJson } from "./byte-level-bpe.js";
import { createTokenizer, wordPieceTokenizerJson } from "./tokenizer.js";

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../../test/golden/${name}`, import.meta.url), "utf8"));
const bpe = golden("bpe.json");
const bpeJson = byteLevelBpeTokenizerJson({ vocabJson: JSON.stringify(bpe.vocab), mergesText: bpe.merges.join("\n") });
const tokenizers = {
  WordPiece: wordPieceTokenizerJson(golden("wordpiece.json").vocab, { lowercase: true }),
  "byte-level BPE": bpeJson,
};

/** Every code unit, lone surrogates among them, and what stands in texts. */
const texts = fc.oneof(
  fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc
    .array(fc.constantFrom("happy", "un", "##", "'s", " ", "\n", "Ä", "ß", "😀", "中", "!", "[SEP]"), { maxLength: 30 })
    .map((w) => w.join("")),
);

describe.each(Object.entries(tokenizers))("%s", (_name, json) => {
  const tokenizer = createTokenizer(json);
  const { before, after } = tokenizer;
  const ids = (text: string, options = { maxTokens: 100_000 }) => [...tokenizer.encode(text, options).ids];

  test("encodes any string to ids of its vocabulary between the special tokens, the same each time", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const found = ids(text);
        expect(found.slice(0, before.length)).toEqual(before);
        expect(found.slice(found.length - after.length)).toEqual(after);
        expect(found.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)).toBe(true);
        expect(ids(text)).toEqual(found);
      }),
    );
  });

  test("takes lone surrogates as if they were not there", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(ids(text)).toEqual(ids(text.replaceAll(/\p{Surrogate}/gu, "")));
      }),
    );
  });

  test("cuts an encoding's end, never its closing tokens, and pads the rest", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: before.length + after.length + 1, max: 40 }), (text, maxTokens) => {
        const whole = ids(text);
        const kept = Math.min(whole.length, maxTokens);
        const cut = [...whole.slice(0, kept - after.length), ...after];
        expect(ids(text, { maxTokens })).toEqual(cut);
        const padded = tokenizer.encode(text, { maxTokens, pad: true });
        expect([...padded.ids].slice(0, kept)).toEqual(cut);
        expect([...padded.attentionMask]).toEqual(Array.from({ length: maxTokens }, (_, i) => (i < kept ? 1 : 0)));
      }),
    );
  });

  test("is the same tokenizer from the file's text and from its bytes", () => {
    const fromBytes = createTokenizer(new TextEncoder().encode(json));
    fc.assert(
      fc.property(texts, (text) => {
        expect([...fromBytes.encode(text).ids]).toEqual(ids(text, { maxTokens: 32 }));
      }),
    );
  });
});
