// Properties of label sets.

import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../canonical-json.js";
import { labelSetOf, labelSetSchema, labelSlugSchema, labelWordsSchema, slugsOf } from "./label-set.js";

const slugs = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/);
const someSlugs = fc.uniqueArray(slugs, { minLength: 2, maxLength: 32 });
const words = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => {
  return labelWordsSchema.safeParse(text).success;
});

test("2 to 32 different slugs with words are a label set, which is written and read in its order", () => {
  fc.assert(
    fc.property(someSlugs, fc.array(words, { minLength: 32, maxLength: 32 }), (names, shown) => {
      const set = names.map((slug, i) => ({ slug, words: shown[i]! }));
      expect(labelSetSchema.parse(JSON.parse(canonicalJson(set)))).toEqual(set);
      expect(slugsOf(set)).toEqual(names);
      expect(labelSetSchema.safeParse(labelSetOf(names)).success).toBe(true);
    }),
  );
});

test("a label set with a slug twice is refused, wherever the slugs stand", () => {
  fc.assert(
    fc.property(fc.uniqueArray(slugs, { minLength: 2, maxLength: 31 }), fc.nat(), fc.nat(), (names, from, to) => {
      const repeated = names.toSpliced(to % (names.length + 1), 0, names[from % names.length]!);
      expect(labelSetSchema.safeParse(labelSetOf(repeated)).success).toBe(false);
    }),
  );
});

test("fewer than 2 labels and more than 32 are no label set", () => {
  const names = Array.from({ length: 33 }, (_, i) => `label-${i}`);
  for (const [count, isSet] of [0, 1, 2, 32, 33].map((n) => [n, n >= 2 && n <= 32] as const)) {
    expect(labelSetSchema.safeParse(labelSetOf(names.slice(0, count))).success).toBe(isSet);
  }
});

test("any text that is not of a slug's pattern is no slug", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(labelSlugSchema.safeParse(text).success).toBe(/^[a-z][a-z0-9-]{0,31}$/.test(text) && !text.endsWith("\n"));
    }),
  );
  for (const odd of ["", "Joy", "1st", "-a", "a b", "a_b", "joy\n", "é", "a".repeat(33), "__proto__"]) {
    expect(labelSlugSchema.safeParse(odd).success, JSON.stringify(odd)).toBe(false);
  }
});

test("words are printable in any script, and hide nothing", () => {
  for (const fine of ["Joy", "Freude", "喜び", "радость", "à l'aise", "very happy :)", "a".repeat(40)]) {
    expect(labelWordsSchema.safeParse(fine).success, fine).toBe(true);
  }
  const hidden = ["", " ", " joy", "joy ", "a\nb", "a\u0000b", "a\u200bb", "a\u202eb", "a\u2028b", "a".repeat(41)];
  for (const odd of hidden) expect(labelWordsSchema.safeParse(odd).success, JSON.stringify(odd)).toBe(false);
});
