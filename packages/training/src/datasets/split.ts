// Splits rows into two parts that keep the proportions of the labels, the same way for the same seed.

import type { Random } from "@attune/ml/tensor/random";

/**
 * Draws about `fraction` of each label's rows into `held`, the rest into `kept`; both keep the file's order. A label
 * with one row stays in `kept`, so that training sees every label.
 */
export function stratifiedSplit<T extends { readonly label: string }>(
  rows: readonly T[],
  fraction: number,
  random: Random,
): { kept: T[]; held: T[] } {
  if (!(fraction > 0 && fraction < 1)) throw new RangeError(`fraction ${fraction} is not between 0 and 1`);
  const byLabel = new Map<string, number[]>();
  for (const [index, { label }] of rows.entries()) {
    const indices = byLabel.get(label) ?? [];
    indices.push(index);
    byLabel.set(label, indices);
  }
  const heldIndices = new Set<number>();
  for (const label of [...byLabel.keys()].sort()) {
    const indices = byLabel.get(label)!;
    random.shuffle(indices);
    const count = Math.min(indices.length - 1, Math.round(indices.length * fraction));
    for (const index of indices.slice(0, count)) heldIndices.add(index);
  }
  return {
    kept: rows.filter((_, index) => !heldIndices.has(index)),
    held: rows.filter((_, index) => heldIndices.has(index)),
  };
}
