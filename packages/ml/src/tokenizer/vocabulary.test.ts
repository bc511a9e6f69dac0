import { describe, expect, it } from "vitest";
import { createRandom } from "../tensor/random.js";
import { idOfToken, scanVocabulary } from "./vocabulary.js";

const scan = (json: string) => scanVocabulary(json, json.indexOf("{"));

describe("a vocabulary read from its text", () => {
  it("has each token with the id that JSON.parse gives it, escapes, spaces and repetitions included", () => {
    const texts = [
      '{"a":0,"b":1}',
      ' \n{\t"a" :\r\n 0 ,"##b":12,\n"":3 }',
      String.raw`{"\"":0,"\\":1,"\u0041\n":2,"\ud83d\ude00":3,"\ud83d":4,"😀":5,"/":6,"\/":7}`,
      '{"a":1,"b":2,"a":3}',
      '{"__proto__":1,"constructor":2,"ſ":3,"}":4,",":5}',
    ];
    for (const text of texts) {
      const { vocabulary, end } = scan(text)!;
      const parsed = new Map(Object.entries(JSON.parse(text)));
      for (const [token, id] of parsed) expect(idOfToken(vocabulary, token)).toBe(id);
      expect(idOfToken(vocabulary, "absent")).toBeUndefined();
      expect(vocabulary.largestId).toBe(Math.max(...(vocabulary.ids as Iterable<number> as number[])));
      expect(text.slice(0, end)).toBe(text);
    }
  });

  it("finds every one of thousands of tokens, whatever their hashes have in common", () => {
    const { integer } = createRandom(3);
    const tokens = new Set<string>();
    while (tokens.size < 20_000)
      tokens.add(Array.from({ length: 1 + integer(6) }, () => "ab#é"[integer(4)]).join("") + integer(999));
    const object = Object.fromEntries([...tokens].map((token, id) => [`t${token}`, id]));
    const { vocabulary } = scan(JSON.stringify(object))!;
    for (const [token, id] of Object.entries(object)) {
      if (idOfToken(vocabulary, token) !== id) expect.fail(`"${token}" is not found`);
    }
    expect(idOfToken(vocabulary, "t")).toBeUndefined();
  });

  it.each([
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
    ["a line end in a token", '{"a\nb":1}'],
  ])("with %s is left to JSON.parse", (_, text) => {
    expect(scan(text)).toBeUndefined();
  });
});
