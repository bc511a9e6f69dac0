// Turns least-squares outputs into probabilities.

/**
 * Replaces the scores by the nearest point whose elements are at least 0 and sum to 1. The largest score stays the
 * largest. Regression on one-hot targets already estimates probabilities, so the nearest probabilities are the right
 * ones, and not a softmax.
 * Source: Duchi, Shalev-Shwartz, Singer and Chandra 2008, "Efficient projections onto the l1-ball", figure 1.
 */
export function projectOntoSimplex(scores: Float64Array): void {
  const sorted = scores.toSorted().reverse();
  let sum = 0;
  let threshold = 0;
  for (let k = 0; k < sorted.length; k++) {
    sum += sorted[k]!;
    const candidate = (sum - 1) / (k + 1);
    if (sorted[k]! > candidate) threshold = candidate;
  }
  for (let c = 0; c < scores.length; c++) {
    scores[c] = Math.max(scores[c]! - threshold, 0);
  }
}
