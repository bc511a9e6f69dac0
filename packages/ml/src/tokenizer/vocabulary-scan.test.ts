import { describe, expect, test } from "vitest";
import { expectSame, expectSameOnDamage } from "../../../../test/golden/vocabulary-twin.js";
import { createRandom } from "../tensor/random.js";
import { idOfToken, vocabularyOf } from "./vocabulary.js";
import { scanVocabulary } from "./vocabulary-scan.js";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const scan = (json: string) => scanVocabulary(bytesOf(json), json.indexOf("{"));

describe("a vocabulary read from its bytes", () => {
  test("is what its twin makes of what JSON.parse gives, to the last place", () => {
    const object = Object.fromEntries(["[PAD]", "##ing", "é", "ſt", "\u{1f600}", '"', "\\", ""].map((t, i) => [t, i]));
    for (const text of [JSON.stringify(object), JSON.stringify(object, null, 2)]) {
      const { vocabulary, end } = scan(text)!;
      expect(vocabulary).toEqual(vocabularyOf(Object.entries(object)));
      expect(end).toBe(bytesOf(text).length);
    }
  });

  test("has each token with the id that JSON.parse gives it, escapes, spaces and repetitions included", () => {
    const texts = [
      '{"a":0,"b":1}',
      '{\t"a" :\r\n 0 ,"##b":12,\n"":3 }',
      String.raw`{"\"":0,"\\":1,"\u0041\n":2,"\ud83d\ude00":3,"\ud83d":4,"😀":5,"/":6,"\/\b\f\r\t":7,"\u00e9\uABCD":8}`,
      '{"a":1,"b":2,"a":3}',
      '{"__proto__":1,"constructor":2,"ſ":3,"}":4,",":5,"\u007f\u0080\u07ff\u0800\uffff":6}',
      '{"a":999999999}',
    ];
    for (const text of texts) {
      const { vocabulary, end } = scan(text)!;
      expectSame(vocabulary, new Map(Object.entries(JSON.parse(text))));
      expect(idOfToken(vocabulary, "absent")).toBeUndefined();
      expect(vocabulary.largestId).toBe(Math.max(...vocabulary.ids));
      expect(end).toBe(bytesOf(text).length);
    }
  });

  test("finds every one of thousands of tokens, whatever their hashes have in common", () => {
    const { integer } = createRandom(3);
    const tokens = new Set<string>();
    while (tokens.size < 20_000)
      tokens.add(Array.from({ length: 1 + integer(6) }, () => "ab#é"[integer(4)]).join("") + integer(999));
    const object = Object.fromEntries([...tokens].map((token, id) => [`t${token}`, id]));
    const { vocabulary } = scan(JSON.stringify(object))!;
    expectSame(vocabulary, new Map(Object.entries(object)));
    expect(idOfToken(vocabulary, "t")).toBeUndefined();
  });

  test.each([
    ["nothing in it", "{}"],
    ["a number that is not whole", '{"a":1.5}'],
    ["a negative number", '{"a":-1}'],
    ["a number with a leading zero", '{"a":01}'],
    ["a number beyond any id", '{"a":1234567890}'],
    ["a text for a number", '{"a":"1"}'],
    ["an object for a number", '{"a":{"b":1}}'],
    ["a comma too many", '{"a":1,}'],
    ["no comma", '{"a":1 "b":2}'],
    ["no end", '{"a":1,"b":2'],
    ["no closing quote", '{"a:1}'],
    ["an escape that is none", String.raw`{"\x41":1}`],
    ["an escape that ends early", String.raw`{"\u004":1}`],
    ["a line end in a token", '{"a\nb":1}'],
  ])("with %s is left to JSON.parse", (_, text) => {
    expect(scan(text)).toBeUndefined();
  });

  test("is read or left exactly where JSON.parse reads whole numbers or does not, whatever bytes are changed, lost or added", () => {
    expect(expectSameOnDamage(5_000)).toBeGreaterThan(400);
  });
});
