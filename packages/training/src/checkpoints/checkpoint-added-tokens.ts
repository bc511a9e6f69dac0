// Collects the added tokens of a checkpoint's tokenizer from the files that may name them, each with the id
// that Transformers gives it.

import { z } from "zod";

/** A token's text alone, or an object that holds the text and its settings. */
export const tokenSchema = z.union([
  z.string(),
  z.looseObject({
    content: z.string(),
    single_word: z.boolean().optional(),
    lstrip: z.boolean().optional(),
    rstrip: z.boolean().optional(),
    normalized: z.boolean().optional(),
    special: z.boolean().optional(),
  }),
]);
export type NamedToken = z.infer<typeof tokenSchema>;

/** An added token as tokenizer.json lists it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

interface TokenSources {
  readonly vocab: Readonly<Record<string, number>>;
  /** The tokens that the checkpoint's own tokenizer.json lists. */
  readonly listed: readonly AddedToken[];
  /** added_tokens_decoder of tokenizer_config.json: id → token. */
  readonly decoder: Readonly<Record<string, NamedToken>> | undefined;
  /** added_tokens.json: token → id. It counts only where there is no decoder. */
  readonly numbered: Readonly<Record<string, number>>;
  /** Tokens with a role (cls_token), then tokens without a role, in Transformers' order. */
  readonly special: readonly NamedToken[];
  /** The number of tokens that the encoder embeds. */
  readonly embedded: number;
}

/**
 * Throws an Error naming a token that the files describe differently, or whose id is not the one
 * it gets in Transformers.
 */
export function collectAddedTokens(sources: TokenSources): AddedToken[] {
  const { vocab, listed, decoder, numbered, embedded } = sources;
  const special = sources.special.map((token) => describe(token, true));
  const isSpecial = (content: string) => special.some((token) => token.content === content);
  const words = Object.keys(vocab).length;
  const tokens = new Map<string, AddedToken>();

  function idOf(content: string): number {
    if (Object.hasOwn(vocab, content)) return vocab[content]!;
    const largest = Math.max(-1, ...[...tokens.values()].map(({ id }) => id));
    return largest < words ? words : largest + 1;
  }

  function add(token: Omit<AddedToken, "id">, stated?: number): void {
    const id = idOf(token.content);
    if (stated !== undefined && stated !== id) {
      throw new Error(
        `the added token ${quoted(token)} has the id ${stated} here and ${id} in Transformers; save the tokenizer again`,
      );
    }
    tokens.set(token.content, { id, ...token });
  }

  for (const { id, ...token } of listed) add(token, id);
  const decoded = Object.entries(decoder ?? {}).map(([id, token]) => ({ id: Number(id), ...describe(token, false) }));
  for (const { id, ...token } of decoded) {
    const known = tokens.get(token.content);
    if (known === undefined) add(token, id);
    else if (differ(known, token)) {
      throw new Error(
        `the added token ${quoted(token)} is another in tokenizer.json than in added_tokens_decoder; save the tokenizer again`,
      );
    }
  }
  const left = listed.find(({ content }) => !isSpecial(content) && decoded.every((token) => token.content !== content));
  if (decoder !== undefined && left !== undefined) {
    throw new Error(`added_tokens_decoder lacks ${quoted(left)} of tokenizer.json; save the tokenizer again`);
  }
  const others = decoder === undefined ? Object.entries(numbered).sort(([, x], [, y]) => x - y) : [];
  for (const [content, id] of others) {
    if (!tokens.has(content)) add(describe({ content, special: isSpecial(content) }, false), id);
  }
  for (const token of special) {
    // A token that neither the vocabulary nor the encoder has is never searched for in a text, so no encoding needs it.
    const isEncoded = Object.hasOwn(vocab, token.content) || idOf(token.content) < embedded;
    if (!tokens.has(token.content) && isEncoded) add(token);
  }
  return [...tokens.values()];
}

function describe(token: NamedToken, isSpecial: boolean): Omit<AddedToken, "id"> {
  const { content, ...given } = typeof token === "string" ? { content: token } : token;
  const { single_word = false, lstrip = false, rstrip = false, special = isSpecial } = given as Partial<AddedToken>;
  const { normalized = !special } = given as Partial<AddedToken>;
  return { content, single_word, lstrip, rstrip, normalized, special: special || isSpecial };
}

function differ(x: Omit<AddedToken, "id">, y: Omit<AddedToken, "id">): boolean {
  return (["single_word", "lstrip", "rstrip", "normalized"] as const).some((name) => x[name] !== y[name]);
}

function quoted({ content }: { readonly content: string }): string {
  return JSON.stringify(content);
}
