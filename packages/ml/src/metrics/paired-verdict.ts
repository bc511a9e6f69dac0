// The verdict on a later answer for each text against an earlier answer for the same text, by an exact paired test.

import { MlError } from "../error.js";

type PairedVerdict = "better" | "same" | "worse" | "tooLittle";

/** With fewer pairs the verdict is `tooLittle`, whatever the answers. */
export const minPairs = 20;

/** Whether each answer was right: (N). */
type RightAnswers = readonly boolean[] | Uint8Array;

/**
 * `before` and `after`: both (N), about the same texts in the same order. Only pairs with one right and one wrong
 * answer count. The exact 90% interval of the share of these pairs that `after` wins lies above one half (`better`),
 * below (`worse`) or around (`same`).
 * Source: Clopper and Pearson 1934; the same as McNemar's exact test with 5% a side. Throws `shape` and `out-of-range`.
 */
export function pairedVerdict(before: RightAnswers, after: RightAnswers): PairedVerdict {
  if (before.length !== after.length) {
    throw new MlError("shape", `${before.length} answers before but ${after.length} after`);
  }
  let won = 0;
  let lost = 0;
  for (let i = 0; i < before.length; i++) {
    const difference = pointsOf(after, i) - pointsOf(before, i);
    if (difference > 0) won++;
    if (difference < 0) lost++;
  }
  if (before.length < minPairs) return "tooLittle";
  if (isRare(won, won + lost)) return "better";
  return isRare(lost, won + lost) ? "worse" : "same";
}

/**
 * Whether a fair coin shows at least `heads` heads in `tosses` with a probability below 5%: 20 · Σ C(tosses, k) <
 * 2^tosses. Equal sides are impossible, as 5 divides no power of 2. Whole numbers make the comparison exact.
 */
function isRare(heads: number, tosses: number): boolean {
  if (2 * heads <= tosses) return false;
  const all = 1n << BigInt(tosses);
  let ways = 1n;
  let sum = 0n;
  for (let k = tosses; k >= heads; k--) {
    sum += ways;
    if (20n * sum >= all) return false;
    ways = (ways * BigInt(k)) / BigInt(tosses - k + 1);
  }
  return true;
}

function pointsOf(answers: RightAnswers, i: number): number {
  const points = Number(answers[i]);
  if (points !== 0 && points !== 1) {
    throw new MlError("out-of-range", `Answer ${i} must be right (1) or wrong (0), not ${answers[i]}`);
  }
  return points;
}
