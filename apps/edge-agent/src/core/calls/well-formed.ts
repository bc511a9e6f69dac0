// Texts as UTF-8 can hold them: what is stored and what is read back are then the same text.

/** Lone surrogates become U+FFFD. */
export function wellFormed(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}
