// The quantile of Student's t distribution that two-sided intervals need.

/** From this many degrees of freedom the quantile is taken as constant: 0.012% above the normal distribution's. */
const maxFreedom = 10_000;

/**
 * The t with P(|T| ≤ t) = `level`, for a whole number of degrees of freedom of at least 1 and a level in (0, 1).
 * It bisects the closed form of the probability. Throws RangeError for other arguments.
 */
export function studentQuantile(level: number, freedom: number): number {
  if (!(level > 0 && level < 1)) throw new RangeError(`A level must lie between 0 and 1, not at ${level}`);
  if (!Number.isInteger(freedom) || freedom < 1) {
    throw new RangeError(`The degrees of freedom must be a whole number of at least 1, not ${freedom}`);
  }
  const used = Math.min(freedom, maxFreedom);
  let low = 0;
  let high = Math.PI / 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return Math.sqrt(used) * Math.tan(high);
    if (within(middle, used) < level) low = middle;
    else high = middle;
  }
}

/** P(|T| ≤ √freedom · tan(angle)). Source: Abramowitz and Stegun 1964, formulas 26.7.3 and 26.7.4. */
function within(angle: number, freedom: number): number {
  const square = Math.cos(angle) ** 2;
  const odd = freedom % 2 === 1;
  let term = Math.sin(angle) * (odd ? Math.cos(angle) : 1);
  let sum = 0;
  for (let k = odd ? 3 : 2; k <= freedom; k += 2) {
    sum += term;
    term *= (square * (k - 1)) / k;
  }
  return odd ? ((angle + sum) * 2) / Math.PI : sum;
}
