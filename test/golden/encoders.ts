// Reads the encoders' golden vectors: weights, config, and every hidden state of every case,
// as Transformers computed them.

import { readFileSync } from "node:fs";
import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import type { Encoder } from "@attune/ml/encoder/encoder";
import { getFloat32, parseSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";

export interface GoldenCase {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  hidden(layer: number): Float32Array;
}

export interface GoldenEncoder {
  readonly name: string;
  readonly config: EncoderConfig;
  readonly file: TensorFile;
  readonly cases: readonly GoldenCase[];
  readonly gradients: GoldenGradients;
}

/** The gradients of the squared length of the mean last hidden state, summed over the texts. */
export interface GoldenGradients {
  readonly ids: readonly number[][];
  /**
   * For each weight: its gradient's sum, the gradient's inner product with the weight, the sum of
   * the gradient's absolute values.
   */
  readonly sums: Readonly<Record<string, [sum: number, product: number, absolute: number]>>;
}

interface Shape {
  readonly name: string;
  readonly file: string;
  readonly config: Record<string, unknown>;
  readonly cases: readonly { ids: number[]; mask: number[] }[];
  readonly gradients: GoldenGradients;
}

/** `family` is the name of a .json file beside this one. */
export function readGoldenEncoders(family: "encoder" | "roberta" | "mobilebert"): GoldenEncoder[] {
  const read = (name: string) => readFileSync(new URL(name, import.meta.url));
  const { shapes }: { shapes: Shape[] } = JSON.parse(read(`${family}.json`).toString());
  return shapes.map((shape) => {
    const file = parseSafetensors(read(shape.file));
    return {
      name: shape.name,
      config: parseEncoderConfig(JSON.stringify(shape.config)),
      file,
      gradients: shape.gradients,
      cases: shape.cases.map(({ ids, mask }, i) => ({
        ids: Int32Array.from(ids),
        mask: Uint8Array.from(mask),
        hidden: (layer: number) => getFloat32(file, `case.${i}.hidden.${layer}`),
      })),
    };
  });
}

/** The largest difference from the golden hidden states, over all layers of a case. */
export function largestDifference(encoder: Encoder, { ids, mask, hidden }: GoldenCase): number {
  const { hiddenStates } = encoder.forward(ids, mask);
  if (hiddenStates.length !== encoder.config.numHiddenLayers + 1) throw new Error("a hidden state is missing");
  return Math.max(...hiddenStates.map(({ data }, layer) => largestOf(data, hidden(layer))));
}

export function largestOf(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length) throw new Error(`${x.length} values beside ${y.length}`);
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i]! - y[i]!);
    // NaN must not pass for a small difference.
    largest = difference <= largest ? largest : difference;
  }
  return largest;
}
