// The labels of a release: the classes of its heads. A label's slug names it in files and calls; its words
// are shown to people.

import { z } from "zod";

const labelSlugPattern = /^[a-z][a-z0-9-]{0,31}$/;
export const labelSlugSchema = z
  .string()
  .regex(labelSlugPattern, { error: "must be 1 to 32 characters of a-z, 0-9 and -, the first a letter" });

/** Letters of any script, with spaces inside; no control characters and no invisible marks. */
const wordsPattern = /^[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]{0,38}[^\p{C}\p{Z}])?$/u;
export const labelWordsSchema = z
  .string()
  .regex(wordsPattern, { error: "must be 1 to 40 printable characters, without spaces at either end" });

const labelSchema = z.strictObject({ slug: labelSlugSchema, words: labelWordsSchema });
type Label = z.infer<typeof labelSchema>;

const minLabels = 2;
const maxLabels = 32;

/** In the order of the heads' classes. */
export const labelSetSchema = z
  .array(labelSchema)
  .min(minLabels)
  .max(maxLabels)
  .refine((labels) => new Set(slugsOf(labels)).size === labels.length, { error: "the slugs repeat" });
export type LabelSet = z.infer<typeof labelSetSchema>;

export function slugsOf(labels: readonly Pick<Label, "slug">[]): string[] {
  return labels.map(({ slug }) => slug);
}

/** The label set of these slugs. A slug without words of its own is shown as it is. */
export function labelSetOf(slugs: readonly string[], words: Readonly<Record<string, string>> = {}): LabelSet {
  return slugs.map((slug) => ({ slug, words: Object.hasOwn(words, slug) ? words[slug]! : slug }));
}
