// Finds a tokenizer's added tokens ("[SEP]", "<mask>") in a text; the model encodes the text between them.

import type { AddedToken } from "./tokenizer-file.js";

export interface Sections {
  /** text[from, to) holds no added token. */
  text(from: number, to: number): void;
  token(id: number): void;
}

/**
 * Calls `sections` in the order of the text. The leftmost place comes first; at one place the longest token counts, and
 * the first of equal tokens.
 */
type SectionWalk = (text: string, sections: Sections) => void;

const whiteSpace = /\p{White_Space}/u;
/** The reference's \w, which must not stand beside a token of whole words. */
const wordAtEnd = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordAtStart = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

export function createSectionWalk(tokens: readonly AddedToken[]): SectionWalk {
  const tokenOf = new Map(tokens.toReversed().map((token) => [token.content, token]));
  const longestFirst = [...tokenOf.keys()].sort((x, y) => y.length - x.length);
  const pattern = new RegExp(longestFirst.map(literally).join("|") || "(?!)", "gu");

  return (text, sections) => {
    let from = 0;
    for (const { 0: found, index: at } of text.matchAll(pattern)) {
      const token = tokenOf.get(found)!;
      const end = at + found.length;
      if (token.singleWord && !standsAlone(text, at, end)) continue;
      let to = at;
      if (token.lstrip) while (to > from && whiteSpace.test(text[to - 1]!)) to--;
      if (to > from) sections.text(from, to);
      sections.token(token.id);
      from = end;
      if (token.rstrip) while (from < text.length && whiteSpace.test(text[from]!)) from++;
    }
    if (from < text.length) sections.text(from, text.length);
  };
}

function literally(content: string): string {
  return content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function standsAlone(text: string, from: number, to: number): boolean {
  return !wordAtEnd.test(text.slice(Math.max(0, from - 2), from)) && !wordAtStart.test(text.slice(to, to + 2));
}
