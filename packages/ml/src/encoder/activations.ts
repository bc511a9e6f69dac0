// The feed-forward activations, in float64 arithmetic over float32 arrays.

import type { HiddenAct } from "./config.js";

// Coefficients, lowest power first, of the rational approximations in FreeBSD's msun s_erf.c (Sun
// Microsystems 1993, freely usable).
const nearZero = {
  over: [
    0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -2.3763016656650163e-5, 0,
  ],
  under: [
    1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164, -3.960228278775368e-6,
  ],
};
const nearOne = {
  over: [
    -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175, -0.11089469428239668,
    0.035478304325618236, -0.002166375594868791,
  ],
  under: [
    1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905,
    0.011984499846799107,
  ],
};
const middle = {
  over: [
    -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347,
    -184.60509290671104, -81.2874355063066, -9.814329344169145, 0,
  ],
  under: [
    1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783,
    108.63500554177944, 6.570249770319282, -0.0604244152148581,
  ],
};
const outer = {
  over: [
    -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896,
    -1025.0951316110772, -483.5191916086514, 0,
  ],
  under: [
    1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644,
    474.52854120695537, -22.44095244658582,
  ],
};

/** A numerator and a denominator of the same length; the shorter polynomial is padded with 0. */
interface Rational {
  readonly over: readonly number[];
  readonly under: readonly number[];
}

/** The error function: within 1e-15 of the true value for every finite x. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.84375) return x + x * evaluate(nearZero, x * x);
  if (size >= 6) return Math.sign(x);
  return Math.sign(x) * (size < 1.25 ? 0.8450629115104675 + evaluate(nearOne, size - 1) : 1 - erfc(size));
}

/** 1 - erf(x) for 1.25 ≤ x < 28, without the cancellation of that subtraction. */
function erfc(x: number): number {
  const inverseSquare = 1 / (x * x);
  const exponent = evaluate(x < 1 / 0.35 ? middle : outer, inverseSquare);
  return Math.exp(-x * x - 0.5625 + exponent) / x;
}

/** Horner's rule over both polynomials at once, which halves the wait on each multiplication. */
function evaluate({ over, under }: Rational, x: number): number {
  let numerator = 0;
  let denominator = 0;
  for (let i = over.length - 1; i >= 0; i--) {
    numerator = numerator * x + over[i]!;
    denominator = denominator * x + under[i]!;
  }
  return numerator / denominator;
}

/**
 * Applies the activation to every value, in place. `gelu` is Hendrycks and Gimpel 2016, x Φ(x); `gelu_new`
 * is their tanh form.
 */
export function activate(values: Float32Array, hiddenAct: HiddenAct): void {
  switch (hiddenAct) {
    case "gelu":
      for (let i = 0; i < values.length; i++) {
        const x = values[i]!;
        values[i] = 0.5 * x * (1 + erf(x * Math.SQRT1_2));
      }
      return;
    case "gelu_new":
      for (let i = 0; i < values.length; i++) {
        const x = values[i]!;
        values[i] = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      }
      return;
    case "relu":
      for (let i = 0; i < values.length; i++) {
        values[i] = Math.max(0, values[i]!);
      }
      return;
  }
}
