// Reads and checks the used parts of a tokenizer.json. A setting that is not computed here is refused by
// name instead of ignored.

import { MlError } from "../error.js";
import { idOfToken, type Vocabulary, vocabularyOf } from "./vocabulary.js";
import { scanVocabulary } from "./vocabulary-scan.js";

export type Fields = Record<string, unknown>;

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** The token takes the white space before it; with `rstrip`, the white space after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** The token counts only if no letter is beside it. */
  readonly singleWord: boolean;
  /** The token is searched for in normalized text, in its own normalized form. */
  readonly normalized: boolean;
}

export interface TokenizerFile {
  readonly model: Fields & { readonly type: "WordPiece" | "BPE" };
  readonly vocabulary: Vocabulary;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** The special tokens come first. */
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Fields | null;
  readonly preTokenizer: Fields | null;
  /** Ids that stand before and after every text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly padId: number | undefined;
}

/** tokenizerJson: the file's text, or its bytes in UTF-8. Throws `malformed` or `unsupported`, naming the part. */
export function readTokenizerFile(tokenizerJson: string | Uint8Array): TokenizerFile {
  const { json, vocab } = parse(tokenizerJson);
  const model = readModel(json.model);
  const { added_tokens: added } = json;
  if (!isFields(model.vocab)) throw malformed("model.vocab is not an object");
  if (!Array.isArray(added) || !added.every(isFields)) throw malformed("added_tokens is not a list of objects");
  const vocabulary = vocab ?? readVocabulary(model.vocab);
  if (model.type === "WordPiece" && idOfToken(vocabulary, String(model.unk_token)) === undefined) {
    throw malformed(`model.unk_token ${show(model.unk_token)} is not in model.vocab`);
  }
  if (vocabulary.largestId > maxId) {
    throw malformed(`model.vocab has the id ${vocabulary.largestId}, above ${maxId}`);
  }
  const largest = added.reduce(
    (most, { content, id }) => Math.max(most, checkId(String(content), id)),
    vocabulary.largestId,
  );
  const isSpecial = (token: Fields) => token.special === true;
  const addedTokens = [...added.filter(isSpecial), ...added.filter((token) => !isSpecial(token))].map(readAddedToken);
  const idOf = (content: string) =>
    addedTokens.find((token) => token.content === content)?.id ?? idOfToken(vocabulary, content);
  return {
    model,
    vocabulary,
    vocabSize: largest + 1,
    addedTokens,
    normalizer: readPart(json, "normalizer"),
    preTokenizer: readPart(json, "pre_tokenizer"),
    ...readPostProcessor(readPart(json, "post_processor")),
    padId: idOf("[PAD]") ?? idOf("<pad>"),
  };
}

/**
 * Refuses `part` if a field has another value than the values computed here. An absent field takes its default, the
 * first of these values.
 */
export function refuseOtherSettings(where: string, part: Fields, allowed: Record<string, readonly unknown[]>): void {
  for (const [name, values] of Object.entries(allowed)) {
    if (part[name] !== undefined && !values.includes(part[name])) {
      const known = values.map(show).join(" or ");
      throw unsupported(`${where}.${name} is ${show(part[name])}; only ${known} is computed here`);
    }
  }
}

export function readBoolean(where: string, part: Fields, name: string): boolean {
  const value = part[name];
  if (typeof value !== "boolean") throw malformed(`${where}.${name} is ${show(value)}, not true or false`);
  return value;
}

export function malformed(what: string): MlError {
  return new MlError("malformed", `tokenizer.json: ${what}`);
}

export function unsupported(what: string): MlError {
  return new MlError("unsupported", `tokenizer.json: ${what}`);
}

export function show(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}

/** The first tokenizer.json files, roberta-base's own among them, do not name the type of their model. */
function readModel(model: unknown): Fields & { type: "WordPiece" | "BPE" } {
  let type = isFields(model) ? model.type : undefined;
  if (isFields(model) && type === undefined) {
    if (Array.isArray(model.merges)) type = "BPE";
    else if (typeof model.max_input_chars_per_word === "number") type = "WordPiece";
  }
  if (!isFields(model) || (type !== "WordPiece" && type !== "BPE")) {
    throw unsupported(`model.type ${show(type)} is not one of WordPiece, BPE`);
  }
  return { ...model, type };
}

function readPart(json: Fields, name: string): Fields | null {
  const part = json[name];
  if (part !== null && !isFields(part)) throw malformed(`${name} is neither an object nor null`);
  return part;
}

/** Far above any real vocabulary. */
const maxId = 10_000_000;

function checkId(token: string, id: unknown): number {
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0 || id > maxId) {
    throw malformed(`the id of "${token}" is not a whole number from 0 to ${maxId}`);
  }
  return id;
}

/**
 * The vocabulary is nearly all of the text, so it is scanned in place. The rest is parsed with a stand-in token
 * that no file holds.
 */
function parse(tokenizerJson: string | Uint8Array): { json: Fields; vocab?: Vocabulary } {
  const bytes = typeof tokenizerJson === "string" ? new TextEncoder().encode(tokenizerJson) : tokenizerJson;
  const from = findVocabulary(bytes);
  const scanned = from < 0 ? undefined : scanVocabulary(bytes, from);
  if (scanned !== undefined) {
    const rest = decode(bytes.subarray(scanned.end), { ignoreBOM: true });
    const json = parseJson(`${decode(bytes.subarray(0, from))}{"${standIn}":0}${rest}`);
    const { model } = json;
    // Otherwise the letters of `"vocab"` stood elsewhere in the file.
    if (isFields(model) && isFields(model.vocab) && model.vocab[standIn] === 0) {
      return { json, vocab: scanned.vocabulary };
    }
  }
  return { json: parseJson(decode(bytes)) };
}

/** The position of the brace of the first `"vocab": {`; −1 where there is none. */
function findVocabulary(bytes: Uint8Array): number {
  const [space, colon, brace] = [0x20, 0x3a, 0x7b];
  const key = new TextEncoder().encode('"vocab"');
  const skipSpace = (from: number): number => {
    let at = from;
    while (bytes[at]! <= space) at++;
    return at;
  };
  // The search goes by the key's second letter, because quotes are everywhere.
  const letter = key[1]!;
  for (let at = bytes.indexOf(letter); at >= 0; at = bytes.indexOf(letter, at + 1)) {
    if (!key.every((byte, i) => bytes[at - 1 + i] === byte)) continue;
    const then = skipSpace(at - 1 + key.length);
    const open = skipSpace(then + 1);
    if (bytes[then] === colon && bytes[open] === brace) return open;
  }
  return -1;
}

function decode(bytes: Uint8Array, options: { ignoreBOM?: boolean } = {}): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ...options }).decode(bytes);
  } catch (cause) {
    throw new MlError("malformed", "tokenizer.json is not UTF-8", { cause });
  }
}

const standIn = "\u{10ffff}scanned";

function parseJson(text: string): Fields {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MlError("malformed", "tokenizer.json is not JSON", { cause });
  }
  if (!isFields(json)) throw malformed("it is not a JSON object");
  return json;
}

/** Reads the vocabulary of a file that the scan did not read. */
function readVocabulary(vocab: Fields): Vocabulary {
  const entries = Object.entries(vocab);
  if (entries.length === 0) throw malformed("model.vocab is empty");
  return vocabularyOf(entries.map(([token, id]) => [token, checkId(token, id)]));
}

function readAddedToken(token: Fields): AddedToken {
  const { content, id } = token;
  if (typeof content !== "string" || content === "") {
    throw malformed("added_tokens: a token's content is not a text of at least one letter");
  }
  const is = (name: string, fallback = false) =>
    readBoolean(`added_tokens ${show(content)}`, { [name]: fallback, ...token }, name);
  return {
    id: id as number,
    content,
    lstrip: is("lstrip"),
    rstrip: is("rstrip"),
    singleWord: is("single_word"),
    normalized: is("normalized", !is("special")),
  };
}

interface Surroundings {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

function readPostProcessor(part: Fields | null): Surroundings {
  switch (part?.type) {
    case undefined:
      if (part !== null) throw malformed("post_processor.type is missing");
      return { before: [], after: [] };
    case "ByteLevel":
      return { before: [], after: [] };
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [readIdOfPair(part, "cls")], after: [readIdOfPair(part, "sep")] };
    case "TemplateProcessing":
      return readTemplate(part);
    default:
      throw unsupported(
        `post_processor.type ${show(part?.type)} is not one of TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel`,
      );
  }
}

function readIdOfPair(part: Fields, name: string): number {
  const pair = part[name];
  if (!Array.isArray(pair) || pair.length !== 2) throw malformed(`post_processor.${name} is not [token, id]`);
  return checkId(String(pair[0]), pair[1]);
}

/**
 * Reads `single` alone: a list with the text ("Sequence" A) once and special tokens around it, whose
 * ids stand in `special_tokens`.
 */
function readTemplate({ single, special_tokens: special }: Fields): Surroundings {
  const before: number[] = [];
  const after: number[] = [];
  let texts = 0;
  if (!Array.isArray(single) || !isFields(special)) throw malformed("post_processor lacks single or special_tokens");
  for (const piece of single) {
    const { Sequence: sequence, SpecialToken: token } = (isFields(piece) ? piece : {}) as Fields;
    if (isFields(sequence)) {
      if (sequence.id !== "A") throw unsupported(`post_processor.single names the sequence ${show(sequence.id)}`);
      texts++;
      continue;
    }
    const name = isFields(token) ? String(token.id) : "";
    const entry = Object.hasOwn(special, name) ? special[name] : undefined;
    const ids = isFields(entry) ? entry.ids : undefined;
    if (!Array.isArray(ids)) throw malformed(`post_processor.special_tokens lacks the ids of "${name}"`);
    (texts === 0 ? before : after).push(...ids.map((id) => checkId(name, id)));
  }
  if (texts !== 1) throw unsupported(`post_processor.single names the text ${texts} times, not once`);
  return { before, after };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
