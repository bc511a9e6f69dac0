// Finds a tokenizer's added tokens ("[SEP]", "<mask>") in a text; what lies between them goes through the model.
import type { AddedToken } from "./tokenizer-file.js";

export interface Sections {
  /** text[from, to) holds no added token. */
  text(from: number, to: number): void;
  token(id: number): void;
}

/** Calls `sections` in the order of the text. At each place the longest token counts, and the leftmost place first. */
export type SectionWalk = (text: string, sections: Sections) => void;

export function createSectionWalk(tokens: readonly AddedToken[]): SectionWalk {
  const longestFirst = tokens.toSorted((x, y) => y.content.length - x.content.length);
  const firstUnits = [...new Set(tokens.map(({ content }) => content[0]!))];

  function startOfAny(text: string, from: number): number {
    let first = text.length;
    for (const unit of firstUnits) {
      const at = text.indexOf(unit, from);
      if (at >= 0 && at < first) first = at;
    }
    return first;
  }

  return (text, sections) => {
    let from = 0;
    for (let at = startOfAny(text, 0); at < text.length; ) {
      const token = longestFirst.find(({ content }) => text.startsWith(content, at));
      if (token === undefined) {
        at = startOfAny(text, at + 1);
        continue;
      }
      const to = token.lstrip ? from + text.slice(from, at).trimEnd().length : at;
      if (to > from) sections.text(from, to);
      sections.token(token.id);
      at += token.content.length;
      from = at;
      at = startOfAny(text, at);
      if (token.rstrip) {
        // No further than the next possible token: whether it is one is found before anything is trimmed.
        const rest = text.slice(from, at);
        from += rest.length - rest.trimStart().length;
      }
    }
    if (from < text.length) sections.text(from, text.length);
  };
}
