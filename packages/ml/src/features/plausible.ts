// Checks whether the numbers of an extractor and its prior head are such as training produces. Other numbers could be
// chosen to overflow only for texts that hold a certain word. A device checks the numbers before they process any
// text of its person.

import type { EncoderConfig } from "../encoder/config.js";
import { assertFinite, MlError } from "../error.js";
import { scaleName } from "../quantization/int8.js";
import { float32FromHalf } from "../tensor/half.js";
import { partOf, type Tensor, type TensorFile } from "../tensor/safetensors.js";

export interface ReleaseWeights {
  readonly config: EncoderConfig;
  readonly model: TensorFile;
  readonly reduction: TensorFile;
  readonly priorHead: TensorFile;
}

/**
 * The largest plausible magnitude of an encoder's weight. Published BERT and RoBERTa checkpoints stay below 100.
 * With weights up to 1,000, a normalised layer cannot overflow. Take width h = 1,024 and f = 4,096.
 * A norm then gives at most 1,000(√h + 1) ≈ 3.3e4, and the feed-forward gives at most h·f·1,000² times that ≈ 1.4e17.
 * The sum of its squares in the next norm is 2e37, below float32's 3.4e38. Attention stays below that.
 */
const normalisedLimit = 1_000;
/**
 * MobileBERT adds up layer after layer without a norm, so no limit excludes overflow. Its limit is the largest
 * binary16, the format of its publication.
 */
const unnormalisedLimit = 65_504;
/**
 * Published checkpoints have 1e-12 and 1e-5. An epsilon too small for float32 would make a norm of equal values
 * divide 0 by 0.
 */
const epsilonRange = [1e-13, 1e-2] as const;
/** Limits the means and deviations of the pooled features: MobileBERT's states reach 1e8. */
const featureLimit = 1e9;
/** Components are rows of length 1, and ratios are shares of a variance. */
const componentLimit = 2;
/** F32 tensors are weights on standardised features; F64 tensors are also sums over many rows of features. */
const headLimit = { F32: 1e6, F64: 1e12 } as const;

/** Throws `out-of-range` or `not-finite`, naming the file's tensor or setting. */
export function assertPlausible({ config, model, reduction, priorHead }: ReleaseWeights): void {
  const [least, most] = epsilonRange;
  if (!(config.layerNormEps >= least && config.layerNormEps <= most)) {
    throw new MlError(
      "out-of-range",
      `config.json: layer_norm_eps ${config.layerNormEps} is not from ${least} to ${most}`,
    );
  }
  const isNormalised = config.modelType !== "mobilebert" || config.normalizationType === "layer_norm";
  const limit = isNormalised ? normalisedLimit : unnormalisedLimit;
  for (const [name, tensor] of model.tensors) {
    // A weight in int8 is at most 127 times its row's scale.
    const isScale =
      name.endsWith(scaleName("")) && model.tensors.get(name.slice(0, -scaleName("").length))?.dtype === "I8";
    assertWithin(`model.safetensors: "${name}"`, tensor, isScale ? limit / 127 : limit);
  }
  for (const [name, tensor] of reduction.tensors) {
    const isScaling = name === "mean" || name === "scale";
    assertWithin(`dr.safetensors: "${name}"`, tensor, isScaling ? featureLimit : componentLimit);
    if (name === "scale" && (tensor.data as Float64Array).some((value) => !(value >= 1 / featureLimit))) {
      throw new MlError("out-of-range", `dr.safetensors: "scale" holds a value below ${1 / featureLimit}`);
    }
  }
  for (const [name, tensor] of priorHead.tensors) {
    const limit = tensor.dtype === "F64" ? headLimit.F64 : headLimit.F32;
    assertWithin(`prior-head.safetensors: "${name}"`, tensor, limit);
  }
}

/** The number of values that are read at a time. */
const partLength = 65_536;

function assertWithin(what: string, tensor: Tensor, limit: number): void {
  if (tensor.dtype !== "F32" && tensor.dtype !== "F64" && tensor.dtype !== "F16" && tensor.dtype !== "BF16") return;
  const length = tensor.shape.reduce((product, size) => product * size, 1);
  for (let first = 0; first < length; first += partLength) {
    const values = asFloats(tensor, first, Math.min(partLength, length - first));
    let largest = 0;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
    if (largest <= limit) continue;
    assertFinite(what, values, first);
    throw new MlError("out-of-range", `${what} holds a value of magnitude ${largest}; at most ${limit} is plausible`);
  }
}

function asFloats(tensor: Tensor, first: number, count: number): Float32Array | Float64Array {
  switch (tensor.dtype) {
    case "F16":
      return float32FromHalf(partOf(tensor, first, count));
    case "BF16":
      // A bfloat16 is the upper half of a float32.
      return new Float32Array(Uint32Array.from(partOf(tensor, first, count), (bits) => bits << 16).buffer);
    default:
      return partOf(tensor, first, count) as Float32Array | Float64Array;
  }
}
