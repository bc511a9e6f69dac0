// The training graph and the reference engine, which the product uses, must compute the same features
// from the same weights.

import type { Encoder } from "@attune/ml/encoder/encoder";
import { pool } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { AppError } from "@attune/shared/errors";
import type { Example } from "../data/batches.js";
import { createVariables, type Encoding, forwardFeatures } from "./inference.js";
import { createParameter } from "./optimizer.js";

/**
 * Rounding to float32 stays below this limit. An encoder that amplifies it further turns int8's rounding, thousands of
 * times coarser, into noise.
 */
export const parityTolerance = 1e-4;

interface ParityInput {
  /** The graph's weights, by name; heads among them are not read. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** The reference engine's encoder with the same weights. */
  readonly encoder: Encoder;
  readonly examples: readonly Example[];
}

/**
 * The largest difference of a feature between the two. It is a share of its vector's largest value if that is above 1;
 * NaN if a feature is not a number.
 */
export function parityOf(encoding: Encoding, { weights, encoder, examples }: ParityInput): number {
  const parameters = new Map(
    [...encoderWeightShapes(encoding.config)].map(([name, shape]) => [
      name,
      createParameter(shape, weights.get(name)!),
    ]),
  );
  const variables = createVariables(encoding.tf, parameters);
  // All examples are in one batch, although their lengths differ, so that masks are compared too.
  const features = forwardFeatures(encoding, { parameters, weights: variables, examples });
  for (const variable of variables.values()) variable.dispose();
  const size = features.length / examples.length;
  let largest = 0;
  for (const [row, { ids }] of examples.entries()) {
    const actual = pool(encoder.forward(ids).hiddenStates.at(-1)!, undefined, encoding.recipe.pooling);
    // MobileBERT does not limit its values: those of the published one reach 10^7, where float32 itself
    // is coarser than 1.
    const scale = actual.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    for (const [i, value] of actual.entries()) {
      largest = Math.max(largest, Math.abs(value - features[row * size + i]!) / scale);
    }
  }
  return largest;
}

/** Throws INVALID_INPUT, for the weights that training starts from. */
export function refuseSteepness(parity: number): void {
  if (parity <= parityTolerance) return;
  throw new AppError(
    "INVALID_INPUT",
    `--from: features of the training graph and the reference engine differ by ${parity.toPrecision(2)} of their size, more than ${parityTolerance}; on this checkpoint rounding alone moves features so far; start from another checkpoint, or keep fewer of its layers (--layers)`,
  );
}

/**
 * A warning about trained weights; undefined if there is nothing to report. Throws INVALID_INPUT if their
 * features are not numbers.
 */
export function steepnessText(parity: number): string | undefined {
  if (parity <= parityTolerance) return undefined;
  if (!Number.isFinite(parity)) {
    throw new AppError("INVALID_INPUT", "learningRate: the trained encoder's features are not finite; lower it");
  }
  return `the exported files' features differ from the training graph's by ${parity.toPrecision(2)} of their size, over ${parityTolerance}: training made the encoder so steep that rounding moves them. run.json says so; what int8 makes of it, \`attune extractor freeze --meld\` measures. A lower learningRate or fewer epochs keep an encoder smoother`;
}
