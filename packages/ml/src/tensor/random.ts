// The only seeded generator. Everything random takes it as an argument, so that a seed repeats a run on any machine.

import { MlError } from "../error.js";

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform whole number in [0, belowExclusive). */
  integer(belowExclusive: number): number;
  /** Shuffles in place; every order is equally likely. */
  shuffle<T>(items: T[] | Int32Array): void;
  /** An independent generator: its draws do not change the next draws of this generator. */
  fork(): Random;
}

/**
 * Makes a generator for a whole-number seed. The method is xoshiro128** (Blackman and Vigna 2018, "Scrambled linear
 * pseudorandom number generators"). splitmix32 fills its state, so that near seeds give unrelated streams.
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new MlError("out-of-range", `A seed must be a whole number, not ${seed}`);
  }
  const mix = splitmix32(seed >>> 0);
  const high = splitmix32(Math.floor(seed / 2 ** 32) >>> 0);
  return fromState(mix() ^ high(), mix() ^ high(), mix() ^ high(), mix() ^ high());
}

function splitmix32(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
}

function fromState(...initial: [number, number, number, number]): Random {
  let [a, b, c, d] = initial;
  // The all-zero state is the only state that xoshiro never leaves.
  if ((a | b | c | d) === 0) a = 1;
  let spareNormal = Number.NaN;

  function bits(): number {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result >>> 0;
  }

  function next(): number {
    const upper = bits() >>> 5;
    const lower = bits() >>> 6;
    return (upper * 67108864 + lower) / 9007199254740992;
  }

  /** Marsaglia's polar method; every second call returns the value that the previous call kept. */
  function normal(): number {
    if (!Number.isNaN(spareNormal)) {
      const value = spareNormal;
      spareNormal = Number.NaN;
      return value;
    }
    for (;;) {
      const u = 2 * next() - 1;
      const v = 2 * next() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spareNormal = v * scale;
        return u * scale;
      }
    }
  }

  function integer(belowExclusive: number): number {
    if (!Number.isSafeInteger(belowExclusive) || belowExclusive < 1) {
      throw new MlError("out-of-range", `integer() needs a whole number of at least 1, not ${belowExclusive}`);
    }
    return Math.floor(next() * belowExclusive);
  }

  /** The method of Fisher and Yates. */
  function shuffle<T>(items: T[] | Int32Array): void {
    const array = items as T[];
    for (let i = array.length - 1; i > 0; i--) {
      const j = integer(i + 1);
      const kept = array[i]!;
      array[i] = array[j]!;
      array[j] = kept;
    }
  }

  return { next, normal, integer, shuffle, fork: () => fromState(bits(), bits(), bits(), bits()) };
}
