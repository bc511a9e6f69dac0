// The scan of a vocabulary beside its twin: JSON.parse, for the tests that hold the two equal.

import { createRandom } from "@attune/ml/tensor/random";
import { idOfToken, type Vocabulary } from "@attune/ml/tokenizer/vocabulary";
import { scanVocabulary } from "@attune/ml/tokenizer/vocabulary-scan";
import { expect } from "vitest";

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

export function expectSame(vocabulary: Vocabulary, expected: ReadonlyMap<string, number>): void {
  for (const [token, id] of expected) {
    if (idOfToken(vocabulary, token) !== id) expect.fail(`${JSON.stringify(token)} has not the id ${id}`);
  }
  expect(vocabulary.longest).toBe(Math.max(...[...expected.keys()].map(({ length }) => length)));
}

/**
 * Changes, loses or adds bytes of a text, `rounds` times, and expects scan and twin to agree. Returns how often
 * both read the text.
 */
export function expectSameOnDamage(rounds: number): number {
  const { integer } = createRandom(11);
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const base = bytesOf(String.raw`{"a":0, "é\u00e9":12,"##\"\\":3,"\ud83d\ude00" : 40 ,"😀ﬀ߿":5,"":999999999}`);
  const parts = [...bytesOf('{}",:\\u0d8 \t\n1'), 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
  let read = 0;
  for (let round = 0; round < rounds; round++) {
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
  return read;
}
