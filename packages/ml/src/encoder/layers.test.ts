import { describe, expect, test } from "vitest";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { addEmbedding, addInPlace, layerNorm, linear, selfAttention } from "./layers.js";

const random = createRandom(11);
const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());
const randomMatrix = (rows: number, cols: number) => createMatrix(rows, cols, normals(rows * cols));

/** The definition, one dot product at a time: the tiled version must equal it. */
function naiveLinear(x: Matrix, weight: Matrix, bias: Float32Array): Matrix {
  const result = createMatrix(x.rows, weight.rows);
  for (let t = 0; t < x.rows; t++) {
    for (let o = 0; o < weight.rows; o++) {
      let sum = 0;
      for (let k = 0; k < x.cols; k++) sum += x.data[t * x.cols + k]! * weight.data[o * x.cols + k]!;
      result.data[t * weight.rows + o] = sum + bias[o]!;
    }
  }
  return result;
}

describe("linear", () => {
  test("equals the naive product bit for bit at every remainder of its tiles", () => {
    for (const tokens of [1, 2, 3, 5]) {
      for (const inFeatures of [1, 2, 7, 8]) {
        for (const outFeatures of [1, 2, 3, 4, 5, 6, 7, 9]) {
          const x = randomMatrix(tokens, inFeatures);
          const weight = randomMatrix(outFeatures, inFeatures);
          const bias = normals(outFeatures);
          const layer = { inFeatures, outFeatures, weight: weight.data, bias };
          expect(linear(x, layer)).toEqual(naiveLinear(x, weight, bias));
        }
      }
    }
  });
});

describe("layerNorm", () => {
  test("brings each row to mean 0 and variance 1, then scales and shifts", () => {
    const x = randomMatrix(3, 50);
    layerNorm(x, { weight: new Float32Array(50).fill(2), bias: new Float32Array(50).fill(1), epsilon: 1e-12 });
    for (let t = 0; t < 3; t++) {
      const values = x.data.subarray(t * 50, (t + 1) * 50);
      const mean = values.reduce((sum, value) => sum + value, 0) / 50;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 50;
      expect(mean).toBeCloseTo(1, 5);
      expect(variance).toBeCloseTo(4, 4);
    }
  });

  test("turns a constant row into the shift, whatever its size", () => {
    for (const constant of [0, 1e-20, 3, 1e18]) {
      const x = createMatrix(1, 4, new Float32Array(4).fill(constant));
      layerNorm(x, { weight: new Float32Array(4).fill(5), bias: new Float32Array(4).fill(7), epsilon: 1e-12 });
      expect([...x.data]).toEqual([7, 7, 7, 7]);
    }
  });
});

describe("selfAttention", () => {
  const sizes = { tokens: 5, width: 6, heads: 3 };
  const [query, key, value] = [0, 1, 2].map(() => randomMatrix(sizes.tokens, sizes.width)) as [Matrix, Matrix, Matrix];

  test("gives a masked position weight exactly 0: even NaN there reaches nothing", () => {
    const spoil = (matrix: Matrix) => {
      const data = matrix.data.slice();
      data.fill(Number.NaN, 3 * sizes.width);
      return createMatrix(sizes.tokens, sizes.width, data);
    };
    const mask = Uint8Array.of(1, 1, 1, 0, 0);
    const masked = selfAttention({ query, key: spoil(key), value: spoil(value), heads: 3, mask });
    const cut = (matrix: Matrix) => createMatrix(3, sizes.width, matrix.data.slice(0, 3 * sizes.width));
    const short = selfAttention({ query: cut(query), key: cut(key), value: cut(value), heads: 3, mask: undefined });
    expect(masked.data.slice(0, 3 * sizes.width)).toEqual(short.data);
    expect(masked.data.every(Number.isFinite)).toBe(true);
  });

  test("passes the value through when one position alone is attended to", () => {
    const mask = Uint8Array.of(0, 0, 1, 0, 0);
    const context = selfAttention({ query, key, value, heads: 2, mask });
    for (let t = 0; t < sizes.tokens; t++) {
      expect(context.data.subarray(t * 6, t * 6 + 6)).toEqual(value.data.subarray(12, 18));
    }
  });

  test("stands scores far beyond what exp can hold", () => {
    const large = createMatrix(
      5,
      6,
      query.data.map((number) => number * 1e15),
    );
    const context = selfAttention({ query: large, key: large, value, heads: 1, mask: undefined });
    expect(context.data.every(Number.isFinite)).toBe(true);
  });
});

test("adds in place", () => {
  const x = createMatrix(1, 2, Float32Array.of(1, 2));
  addInPlace(x, createMatrix(1, 2, Float32Array.of(10, 20)));
  expect([...x.data]).toEqual([11, 22]);
});

test("adds a row of a float32 table, and of an int8 one times its scale", () => {
  const place = { data: new Float32Array(4), offset: 2 };
  addEmbedding({ kind: "float32", rows: 2, cols: 2, data: Float32Array.of(1, 2, 3, 4) }, 1, place);
  const [data, scale] = [Int8Array.of(1, 2, -100, 4), Float32Array.of(9, 0.5)];
  addEmbedding({ kind: "int8", rows: 2, cols: 2, data, scale }, 1, place);
  expect([...place.data]).toEqual([0, 0, 3 - 50, 4 + 2]);
});
