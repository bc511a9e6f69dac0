// The layers that encoders consist of, over row-major float32 with sums in float64. They hold no state and allocate
// nothing inside a loop.

import { float32FromHalf } from "../tensor/half.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";

export interface Linear {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /**
   * (outFeatures, inFeatures), as PyTorch stores it. Both operands of a dot product lie contiguous,
   * so nothing is repacked.
   */
  readonly weight: Float32Array;
  /** (outFeatures) */
  readonly bias: Float32Array;
}

export interface LayerNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly epsilon: number;
}

/**
 * One row per token, position or type. Int8 and binary16 tables stay small in memory, because one row at
 * a time is widened.
 */
export type EmbeddingTable =
  | { readonly kind: "float32"; readonly rows: number; readonly cols: number; readonly data: Float32Array }
  | { readonly kind: "float16"; readonly rows: number; readonly cols: number; readonly data: Uint16Array }
  | {
      readonly kind: "int8";
      readonly rows: number;
      readonly cols: number;
      readonly data: Int8Array;
      readonly scale: Float32Array;
    };

/**
 * x: (T, in) → x Wᵀ + b: (T, out).
 * The loop computes two tokens by four outputs at a time: six loads feed eight multiply-adds, as many as plain
 * JavaScript keeps in registers. If T or out is no multiple of the tile, the last tile repeats its last row or output
 * and writes the same value twice.
 */
export function linear(x: Matrix, layer: Linear): Matrix {
  const { weight, bias, inFeatures, outFeatures } = layer;
  const input = x.data;
  const result = createMatrix(x.rows, outFeatures);
  const output = result.data;
  const lastToken = x.rows - 1;
  const lastOutput = outFeatures - 1;
  for (let o0 = 0; o0 < outFeatures; o0 += 4) {
    const o1 = Math.min(o0 + 1, lastOutput);
    const o2 = Math.min(o0 + 2, lastOutput);
    const o3 = Math.min(o0 + 3, lastOutput);
    for (let t0 = 0; t0 < x.rows; t0 += 2) {
      const t1 = Math.min(t0 + 1, lastToken);
      let x0 = t0 * inFeatures;
      let x1 = t1 * inFeatures;
      let w0 = o0 * inFeatures;
      let w1 = o1 * inFeatures;
      let w2 = o2 * inFeatures;
      let w3 = o3 * inFeatures;
      let s00 = 0;
      let s01 = 0;
      let s02 = 0;
      let s03 = 0;
      let s10 = 0;
      let s11 = 0;
      let s12 = 0;
      let s13 = 0;
      for (const end = x0 + inFeatures; x0 < end; x0++, x1++, w0++, w1++, w2++, w3++) {
        const a = input[x0]!;
        const b = input[x1]!;
        const p = weight[w0]!;
        const q = weight[w1]!;
        const r = weight[w2]!;
        const s = weight[w3]!;
        s00 += a * p;
        s01 += a * q;
        s02 += a * r;
        s03 += a * s;
        s10 += b * p;
        s11 += b * q;
        s12 += b * r;
        s13 += b * s;
      }
      const y0 = t0 * outFeatures;
      const y1 = t1 * outFeatures;
      output[y0 + o0] = s00 + bias[o0]!;
      output[y0 + o1] = s01 + bias[o1]!;
      output[y0 + o2] = s02 + bias[o2]!;
      output[y0 + o3] = s03 + bias[o3]!;
      output[y1 + o0] = s10 + bias[o0]!;
      output[y1 + o1] = s11 + bias[o1]!;
      output[y1 + o2] = s12 + bias[o2]!;
      output[y1 + o3] = s13 + bias[o3]!;
    }
  }
  return result;
}

/** x: (T, H). Each row is normalised in place to mean 0 and variance 1 (biased), then scaled and shifted. */
export function layerNorm(x: Matrix, { weight, bias, epsilon }: LayerNorm): void {
  const { rows, cols, data } = x;
  for (let start = 0; start < rows * cols; start += cols) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += data[start + c]!;
    const mean = sum / cols;
    let squares = 0;
    for (let c = 0; c < cols; c++) {
      const centred = data[start + c]! - mean;
      squares += centred * centred;
    }
    const inverse = 1 / Math.sqrt(squares / cols + epsilon);
    for (let c = 0; c < cols; c++) {
      data[start + c] = (data[start + c]! - mean) * inverse * weight[c]! + bias[c]!;
    }
  }
}

/** x: (T, H). Each row is scaled and shifted in place: MobileBERT's "NoNorm" (Sun et al. 2020, equation 2). */
export function scaleAndShift(x: Matrix, { weight, bias }: Pick<LayerNorm, "weight" | "bias">): void {
  const { rows, cols, data } = x;
  for (let start = 0; start < rows * cols; start += cols) {
    for (let c = 0; c < cols; c++) data[start + c] = data[start + c]! * weight[c]! + bias[c]!;
  }
}

/** x += y, both (T, H). */
export function addInPlace(x: Matrix, y: Matrix): void {
  const target = x.data;
  const added = y.data;
  for (let i = 0; i < target.length; i++) target[i]! += added[i]!;
}

interface AttentionInputs {
  /** (T, H) each, with the heads side by side in the columns. */
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly heads: number;
  /** (T): 1 may be attended to. Undefined means all. At least one position must be attended to. */
  readonly mask: Uint8Array | undefined;
}

/**
 * Scaled dot-product attention, one head after the other → (T, H). Source: Vaswani et al. 2017, equation 1. A
 * masked position's weight is exactly 0 and never a denormal: the softmax leaves the position out, and does not
 * only lower its score.
 */
export function selfAttention({ query, key, value, heads, mask }: AttentionInputs): Matrix {
  const { rows: tokens, cols } = query;
  const width = cols / heads;
  const scaling = 1 / Math.sqrt(width);
  const context = createMatrix(tokens, cols);
  const weights = new Float64Array(tokens);
  const sums = new Float64Array(width);
  for (let first = 0; first < cols; first += width) {
    for (let t = 0; t < tokens; t++) {
      const q = t * cols + first;
      let largest = Number.NEGATIVE_INFINITY;
      for (let s = 0; s < tokens; s++) {
        if (mask !== undefined && mask[s] === 0) continue;
        const k = s * cols + first;
        let dot = 0;
        for (let c = 0; c < width; c++) dot += query.data[q + c]! * key.data[k + c]!;
        const score = dot * scaling;
        weights[s] = score;
        if (score > largest) largest = score;
      }
      let total = 0;
      sums.fill(0);
      for (let s = 0; s < tokens; s++) {
        if (mask !== undefined && mask[s] === 0) continue;
        const weight = Math.exp(weights[s]! - largest);
        total += weight;
        const v = s * cols + first;
        for (let c = 0; c < width; c++) sums[c]! += weight * value.data[v + c]!;
      }
      for (let c = 0; c < width; c++) context.data[q + c] = sums[c]! / total;
    }
  }
  return context;
}

/** Adds the table's row `index` to the row of `x` that begins at `offset`. */
export function addEmbedding(table: EmbeddingTable, index: number, x: { data: Float32Array; offset: number }): void {
  const { cols } = table;
  const { data, offset } = x;
  const from = index * cols;
  if (table.kind === "float32") {
    for (let c = 0; c < cols; c++) data[offset + c]! += table.data[from + c]!;
  } else if (table.kind === "float16") {
    const row = float32FromHalf(table.data.subarray(from, from + cols));
    for (let c = 0; c < cols; c++) data[offset + c]! += row[c]!;
  } else {
    const scale = table.scale[index]!;
    for (let c = 0; c < cols; c++) data[offset + c]! += table.data[from + c]! * scale;
  }
}
