// The test that stops a rollout: too many devices are worse off with the release. It may be looked at after each
// verdict. Pure.

import { AppError } from "@attune/shared/errors";

export interface HarmTestInput {
  /** The number of verdicts `worse`, among `verdicts`. */
  readonly worse: number;
  /** The number of verdicts counted so far. `tooLittle` says nothing and is left out. */
  readonly verdicts: number;
  /** The largest share of devices that may be worse off, in (0, 1). */
  readonly bound: number;
  /** The share of devices that may lie, in [0, 1). */
  readonly liars: number;
  /** The largest probability of a false stop over the whole rollout, in (0, 1). */
  readonly alpha: number;
}

interface HarmTestResult {
  /** Against "at most `bound` are worse off". 1 before the first verdict. */
  readonly evidence: number;
  /** `evidence` has reached 1 / alpha. */
  readonly stop: boolean;
  /** Against "at least `bound` are worse off". 1 before the first verdict. */
  readonly evidenceOfNoHarm: number;
  /** `evidenceOfNoHarm` has reached 1 / alpha. */
  readonly shownHarmless: boolean;
}

/**
 * The null hypothesis: at most `bound` are truly worse off. Each liar may say `worse`. So a verdict is `worse` with a
 * probability of at most q0 = bound (1 - liars) + liars. The evidence is the likelihood of the verdicts, averaged over
 * all larger probabilities, in units of their likelihood at q0. Its expectation is at most 1 at every look. So it
 * reaches 1 / alpha with a probability of at most alpha (Ville's inequality).
 * The mirrored test has q1 = bound (1 - liars), for each liar may hide harm.
 * Source: arXiv 2408.14015. docs/rollout-error-rates.md simulates it. Throws `INVALID_INPUT`.
 */
export function harmTest({ worse, verdicts, bound, liars, alpha }: HarmTestInput): HarmTestResult {
  checkCounts(worse, verdicts);
  checkShare("bound", bound, bound > 0);
  checkShare("liars", liars, liars >= 0);
  checkShare("alpha", alpha, alpha > 0);
  const evidence = evidenceAbove(bound * (1 - liars) + liars, worse, verdicts);
  // Fewer `worse` than q1 are more of the other verdicts than 1 - q1.
  const evidenceOfNoHarm = evidenceAbove(1 - bound * (1 - liars), verdicts - worse, verdicts);
  return {
    evidence,
    stop: evidence >= 1 / alpha,
    evidenceOfNoHarm,
    shownHarmless: evidenceOfNoHarm >= 1 / alpha,
  };
}

/**
 * 1/(1-q) · ∫[q,1] (p/q)^s ((1-p)/(1-q))^(n-s) dp, exactly. The integral is a tail of the binomial distribution of
 * n + 1 trials. So it equals 1/(n+1) · Σ[j ≤ s] C(n+1, j) / C(n, s) · (q/(1-q))^(j-s). Infinity stands for more than
 * a double holds.
 */
function evidenceAbove(q: number, s: number, n: number): number {
  const odds = (1 - q) / q;
  let term = (n + 1) / (n + 1 - s);
  let sum = term;
  for (let j = s; j > 0 && term > sum * Number.EPSILON; j--) {
    term *= (j / (n + 2 - j)) * odds;
    sum += term;
  }
  return sum / (n + 1);
}

function checkCounts(worse: number, verdicts: number): void {
  const isCount = Number.isSafeInteger(worse) && Number.isSafeInteger(verdicts) && worse >= 0;
  if (!isCount || worse > verdicts) {
    throw new AppError(
      "INVALID_INPUT",
      `${worse} of ${verdicts} verdicts cannot be worse; give counts, worse ≤ verdicts`,
    );
  }
}

function checkShare(name: string, share: number, isInside: boolean): void {
  if (!(isInside && share < 1)) {
    throw new AppError("INVALID_INPUT", `${name} is ${share}; give a share between 0 and 1`);
  }
}
