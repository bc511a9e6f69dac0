// BERT's normalisation and pre-tokenisation: turns text into the words and punctuation marks that WordPiece cuts up
// (Devlin et al. 2019, tokenization.py).

import { type Fields, malformed, readBoolean, refuseOtherSettings, show, unsupported } from "./tokenizer-file.js";

/** The word being read, in UTF-16 units; the same object every time, valid until the callback returns. */
export interface Word {
  readonly units: Uint16Array;
  length: number;
  /** Counts all code points, also those for which `units` has no room. */
  codePoints: number;
}

/**
 * Calls `onWord` for each word of text[from, to) until the callback returns false. The text holds no lone surrogates.
 */
type WordScan = (text: string, range: { from: number; to: number }, onWord: (word: Word) => boolean) => void;

interface Settings {
  readonly cleanText: boolean;
  readonly isolateCjk: boolean;
  readonly lowercase: boolean;
  readonly stripAccents: boolean;
}

/**
 * The kind of a code point after normalisation; `dropped` and `run` are kinds of ASCII characters before normalisation.
 */
const letter = 0;
const space = 1;
const mark = 2;
const dropped = 3;

/** The kind is stored above the 21 bits of the code point. */
const kindShift = 21;
const codePointMask = (1 << kindShift) - 1;

/** Unicode's white space, which the reference uses. Unlike JavaScript's \s it includes U+0085 and excludes U+FEFF. */
const whiteSpace = /\p{White_Space}/u;
const punctuation = /[\p{P}!-/:-@[-`{-~]/u;
const removed = /[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu;
const nonspacingMark = /\p{Mn}/gu;
/** The reference's ranges, including its gap from U+2B820 to U+2B91F. */
const cjkIdeograph =
  /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** The runs of a text are short and recur: an apostrophe, an accent, an emoji. */
const maxCachedRunLength = 8;
const maxCachedRuns = 512;

/**
 * `maxCodePoints`: for a longer word only the count is right, not the units. Throws `unsupported` or
 * `malformed`, naming the setting.
 */
export function createWordScan(
  { normalizer, preTokenizer }: { normalizer: Fields | null; preTokenizer: Fields | null },
  maxCodePoints: number,
): WordScan {
  if (preTokenizer?.type !== "BertPreTokenizer") {
    throw unsupported(
      `pre_tokenizer.type ${show(preTokenizer?.type)} is not BertPreTokenizer, as WordPiece here needs`,
    );
  }
  const settings = readSettings(normalizer);
  const { kinds, lowered } = asciiTables(settings);
  const normalizedRun = createRunCache(settings);
  const writer = new WordWriter(maxCodePoints);
  return (text, { from, to }, onWord) => {
    writer.begin(onWord);
    for (let i = from; i < to && writer.more; ) {
      const unit = text.charCodeAt(i);
      const kind = unit < 128 ? kinds[unit]! : dropped;
      if (kind === dropped) {
        const end = endOfRun(text, { from: i, to }, kinds);
        for (const entry of normalizedRun(text.slice(i, end))) writer.add(entry >> kindShift, entry & codePointMask);
        i = end;
      } else {
        writer.add(kind, lowered[unit]!);
        i++;
      }
    }
    writer.flush();
  };
}

/** Collects code points to words. Words stand between spaces; a mark is a word of its own. */
class WordWriter {
  /** False once the receiver wants no more words. */
  more = true;
  private readonly word: Word;
  private onWord: (word: Word) => boolean = () => false;

  constructor(private readonly maxCodePoints: number) {
    this.word = { units: new Uint16Array(2 * maxCodePoints), length: 0, codePoints: 0 };
  }

  begin(onWord: (word: Word) => boolean): void {
    this.onWord = onWord;
    this.more = true;
    this.word.length = 0;
    this.word.codePoints = 0;
  }

  add(kind: number, code: number): void {
    if (kind === letter) {
      this.push(code);
    } else {
      this.flush();
      if (kind === space) return;
      this.push(code);
      this.flush();
    }
  }

  flush(): void {
    const { word } = this;
    if (word.codePoints === 0 || !this.more) return;
    this.more = this.onWord(word);
    word.length = 0;
    word.codePoints = 0;
  }

  private push(code: number): void {
    const { word } = this;
    if (word.codePoints++ >= this.maxCodePoints) return;
    if (code > 0xffff) {
      word.units[word.length++] = 0xd7c0 + (code >> 10);
      word.units[word.length++] = 0xdc00 | (code & 0x3ff);
    } else {
      word.units[word.length++] = code;
    }
  }
}

/** Normalizes runs that are not ASCII, and keeps short runs. Each entry holds a code point and, above it, its kind. */
function createRunCache(settings: Settings): (run: string) => Int32Array {
  const runs = new Map<string, Int32Array>();
  return (run) => {
    const known = runs.get(run);
    if (known !== undefined) return known;
    const result = Int32Array.from(normalize(run, settings), (char) => {
      const kind = whiteSpace.test(char) ? space : punctuation.test(char) ? mark : letter;
      return (kind << kindShift) | char.codePointAt(0)!;
    });
    if (run.length <= maxCachedRunLength) {
      if (runs.size >= maxCachedRuns) runs.clear();
      runs.set(run, result);
    }
    return result;
  };
}

/**
 * The end of the run that begins at `from`. ASCII that stays surrounds a run, so nothing is composed or reordered
 * across the run's ends.
 */
function endOfRun(text: string, { from, to }: { from: number; to: number }, kinds: Uint8Array): number {
  let end = from + 1;
  while (end < to) {
    const unit = text.charCodeAt(end);
    if (unit < 128 && kinds[unit] !== dropped) break;
    end++;
  }
  return end;
}

function readSettings(normalizer: Fields | null): Settings {
  if (normalizer === null) return { cleanText: false, isolateCjk: false, lowercase: false, stripAccents: false };
  if (normalizer.type !== "BertNormalizer") {
    throw unsupported(`normalizer.type ${show(normalizer.type)} is not BertNormalizer, as WordPiece here needs`);
  }
  refuseOtherSettings("normalizer", normalizer, { strip_accents: [null, true, false] });
  const lowercase = readBoolean("normalizer", normalizer, "lowercase");
  const strip = normalizer.strip_accents ?? null;
  return {
    cleanText: readBoolean("normalizer", normalizer, "clean_text"),
    isolateCjk: readBoolean("normalizer", normalizer, "handle_chinese_chars"),
    lowercase,
    stripAccents: strip === null ? lowercase : strip === true,
  };
}

function asciiTables({ cleanText, lowercase }: Settings): { kinds: Uint8Array; lowered: Uint8Array } {
  const ascii = String.fromCharCode(...Array(128).keys());
  const lowered = Uint8Array.from(lowercase ? ascii.toLowerCase() : ascii, (char) => char.charCodeAt(0));
  const kinds = new Uint8Array(128);
  const set = (chars: string, kind: number) => {
    for (const char of chars) kinds[char.charCodeAt(0)] = kind;
  };
  set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", mark);
  set("\t\n\v\f\r ", space);
  // All control characters except tabs and line ends.
  if (cleanText) set(ascii.replace(/[\t\n\r -~]/g, ""), dropped);
  return { kinds, lowered };
}

/** Normalizes a whole text. Throws as createWordScan. */
export function createNormalizer(normalizer: Fields | null): (text: string) => string {
  const settings = readSettings(normalizer);
  return (text) => {
    // The reference replaces each white-space character that cleaning leaves by a space.
    return normalize(settings.cleanText ? text.replace(/[\t\n\r\p{Z}]/gu, " ") : text, settings);
  };
}

/** Follows the reference's order of steps. A run holds no tab and no line end, because these are ASCII that stays. */
function normalize(run: string, { cleanText, isolateCjk, lowercase, stripAccents }: Settings): string {
  let text = run;
  if (cleanText) text = text.replace(removed, "");
  if (isolateCjk) text = text.replace(cjkIdeograph, " $& ");
  // JavaScript lower-cases a word's last sigma to its final form; the reference lower-cases every sigma
  // to the same letter.
  if (lowercase) text = text.replaceAll("Σ", "σ").toLowerCase();
  if (stripAccents) text = text.normalize("NFD").replace(nonspacingMark, "");
  return text;
}

/** At most 10,000: a larger limit means a damaged file and not a setting. */
export function readMaxCodePoints(model: Fields): number {
  const value = model.max_input_chars_per_word ?? 100;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > 10_000) {
    throw malformed(`model.max_input_chars_per_word ${show(value)} is not a whole number from 1 to 10000`);
  }
  return value;
}
