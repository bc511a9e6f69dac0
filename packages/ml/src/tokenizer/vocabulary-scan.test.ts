import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { describeUnlessLacking, lackOfCommands } from "../../../../test/requirements.js";
import { createRandom } from "../tensor/random.js";
import { idOfToken, type Vocabulary, vocabularyOf } from "./vocabulary.js";
import { scanVocabulary } from "./vocabulary-scan.js";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const scan = (json: string) => scanVocabulary(bytesOf(json), json.indexOf("{"));

let parses = 0;

/**
 * The vocabulary as the scan's twin reads it: undefined for anything but an object of whole numbers.
 * Each text gets a first key that no other text has: Node 24's JSON.parse guesses keys from objects that began alike.
 * It reads the key "##\"" as ##\ once it has seen a key of that name. This is a fault of V8 and not of the scan.
 */
function parsed(bytes: Uint8Array): Map<string, number> | undefined {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const own = `parse ${parses++}`;
    value = JSON.parse(text.replace("{", `{"${own}":0,`));
    if (typeof value === "object" && value !== null) delete (value as Record<string, unknown>)[own];
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const isId = (id: unknown) => typeof id === "number" && Number.isInteger(id) && id >= 0 && id < 1e9;
  return entries.length > 0 && entries.every(([, id]) => isId(id)) ? new Map(entries) : undefined;
}

function expectSame(vocabulary: Vocabulary, expected: ReadonlyMap<string, number>): void {
  for (const [token, id] of expected) {
    if (idOfToken(vocabulary, token) !== id) expect.fail(`${JSON.stringify(token)} has not the id ${id}`);
  }
  expect(vocabulary.longest).toBe(Math.max(...[...expected.keys()].map(({ length }) => length)));
}

describe("a vocabulary read from its bytes", () => {
  it("is what its twin makes of what JSON.parse gives, to the last place", () => {
    const object = Object.fromEntries(["[PAD]", "##ing", "é", "ſt", "\u{1f600}", '"', "\\", ""].map((t, i) => [t, i]));
    for (const text of [JSON.stringify(object), JSON.stringify(object, null, 2)]) {
      const { vocabulary, end } = scan(text)!;
      expect(vocabulary).toEqual(vocabularyOf(Object.entries(object)));
      expect(end).toBe(bytesOf(text).length);
    }
  });

  it("has each token with the id that JSON.parse gives it, escapes, spaces and repetitions included", () => {
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

  it("finds every one of thousands of tokens, whatever their hashes have in common", () => {
    const { integer } = createRandom(3);
    const tokens = new Set<string>();
    while (tokens.size < 20_000)
      tokens.add(Array.from({ length: 1 + integer(6) }, () => "ab#é"[integer(4)]).join("") + integer(999));
    const object = Object.fromEntries([...tokens].map((token, id) => [`t${token}`, id]));
    const { vocabulary } = scan(JSON.stringify(object))!;
    expectSame(vocabulary, new Map(Object.entries(object)));
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
    ["an escape that ends early", String.raw`{"\u004":1}`],
    ["a line end in a token", '{"a\nb":1}'],
  ])("with %s is left to JSON.parse", (_, text) => {
    expect(scan(text)).toBeUndefined();
  });

  it("is read or left exactly where JSON.parse reads whole numbers or does not, whatever bytes are changed, lost or added", () => {
    const { integer } = createRandom(11);
    const base = bytesOf(String.raw`{"a":0, "é\u00e9":12,"##\"\\":3,"\ud83d\ude00" : 40 ,"😀ﬀ߿":5,"":999999999}`);
    const parts = [...bytesOf('{}",:\\u0d8 \t\n1'), 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
    let read = 0;
    for (let round = 0; round < 60_000; round++) {
      const bytes = [...base];
      for (let edits = integer(3); edits >= 0; edits--) {
        const remove = integer(2);
        const put = integer(3) > 0 ? [parts[integer(parts.length)]!] : [];
        bytes.splice(1 + integer(bytes.length), remove * integer(4), ...put);
      }
      const json = Uint8Array.from(bytes);
      const scanned = scanVocabulary(json, 0);
      const expected = parsed(scanned === undefined ? json : json.subarray(0, scanned.end));
      if ((scanned === undefined) !== (expected === undefined)) expect.fail(JSON.stringify([round, bytes]));
      if (scanned === undefined) continue;
      read++;
      expectSame(scanned.vocabulary, expected!);
    }
    expect(read).toBeGreaterThan(5_000);
  });
});

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));

describeUnlessLacking("built anew", lackOfCommands("clang-19", "wasm-ld-19"), () => {
  test("the committed scan is what its source builds to", () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-vocabulary-"));
    try {
      const built = join(folder, "built.ts");
      execFileSync(process.execPath, [join(kernels, "tokenizer", "build.js"), built]);
      expect(readFileSync(built, "utf8")).toBe(readFileSync(new URL("vocabulary-wasm.ts", import.meta.url), "utf8"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
