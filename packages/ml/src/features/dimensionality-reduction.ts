// DR stands between the extractor's pooled features and a head. It standardises the features, then projects them on
// principal components if there are any.

import { MlError } from "../error.js";
import type { HeadKernels } from "../heads/head-kernels.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import { readFloat32, readFloat64, readMatrixShape, readMetadataField, refuseOtherTensors } from "../tensor/fields.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { fitPca } from "./pca.js";
import { applyStandardizer, fitStandardizer, type Standardizer } from "./standardizer.js";

export interface DimensionalityReduction {
  readonly inputSize: number;
  readonly outputSize: number;
  /** (outputSize): the share of variance that each component keeps; absent when nothing is projected away. */
  readonly explainedVarianceRatio?: Float64Array;
  /** (N, inputSize) to (N, outputSize). Throws `shape`. */
  apply(features: Matrix): Matrix;
  save(): TensorFile;
}

interface Parts {
  /** (inputSize) */
  readonly mean: Float64Array;
  /** (inputSize), all positive. */
  readonly scale: Float64Array;
  readonly projection?: {
    /** (outputSize, inputSize) */
    readonly components: Matrix;
    readonly explainedVarianceRatio: Float64Array;
  };
}

/**
 * A feature whose deviation is below this share of the median deviation is divided by that share of the median instead.
 * A transformer's outlier dimensions, pooled by maximum, hardly vary. Scaled up to deviation 1, they would be the
 * rounding noise of the engine.
 */
const minShareOfUsualDeviation = 0.2;

/**
 * Fits the release's DR on the labelled dataset's features (N, D): standardisation, and a PCA of the standardised
 * features if `outputSize` is given. DR is part of the feature extractor: priors and personal heads see DR's output
 * only, and DR's file is part of their identity.
 */
export function fitDimensionalityReduction(
  features: Matrix,
  outputSize?: number,
  kernels: HeadKernels = referenceHeadKernels,
): DimensionalityReduction {
  const { mean, scale, inputSize } = withoutNoise(fitStandardizer(features));
  if (outputSize === undefined) return createReduction({ mean, scale }, kernels);
  const pca = fitPca(applyStandardizer({ mean, scale, inputSize }, features), outputSize);
  // After rounding to float32 the standardised mean is not exactly 0. The remainder is folded into the one
  // mean of the file.
  const folded = mean.map((value, d) => value + scale[d]! * pca.mean[d]!);
  const { components, explainedVarianceRatio } = pca;
  return createReduction({ mean: folded, scale, projection: { components, explainedVarianceRatio } }, kernels);
}

/**
 * `kernels` apply the DR. Throws `malformed`, `shape`, `not-finite`, `out-of-range` or `unsupported`, naming the field.
 */
export function loadDimensionalityReduction(
  file: TensorFile,
  kernels: HeadKernels = referenceHeadKernels,
): DimensionalityReduction {
  const kind = readMetadataField(file, "kind");
  const version = readMetadataField(file, "version");
  if (kind !== "dimensionality-reduction" || version !== "1") {
    throw new MlError("unsupported", `A file of kind "${kind}", version "${version}", is not a DR of version 1`);
  }
  refuseOtherTensors(file, ["mean", "scale", "components", "explained_variance_ratio"]);
  const projected = file.tensors.has("components") || file.tensors.has("explained_variance_ratio");
  if (!projected) {
    const inputSize = file.tensors.get("mean")?.shape[0] ?? 0;
    return createReduction(readScaling(file, inputSize), kernels);
  }
  const [outputSize, inputSize] = readMatrixShape(file, "components");
  const components = createMatrix(outputSize, inputSize, readFloat32(file, "components", [outputSize, inputSize]));
  const explainedVarianceRatio = readFloat64(file, "explained_variance_ratio", [outputSize]);
  return createReduction(
    { ...readScaling(file, inputSize), projection: { components, explainedVarianceRatio } },
    kernels,
  );
}

function withoutNoise({ mean, scale, inputSize }: Standardizer): Standardizer {
  const least = minShareOfUsualDeviation * scale.toSorted()[inputSize >> 1]!;
  return { mean, scale: scale.map((deviation) => Math.max(deviation, least)), inputSize };
}

function readScaling(file: TensorFile, inputSize: number): { mean: Float64Array; scale: Float64Array } {
  const mean = readFloat64(file, "mean", [inputSize]);
  const scale = readFloat64(file, "scale", [inputSize]);
  if (inputSize === 0) throw new MlError("shape", 'Tensor "mean" is empty');
  const bad = scale.findIndex((value) => !(value > 0));
  if (bad !== -1) {
    throw new MlError("out-of-range", `Tensor "scale" holds ${scale[bad]} at position ${bad}; scales are positive`);
  }
  return { mean, scale };
}

function createReduction({ mean, scale, projection }: Parts, kernels: HeadKernels): DimensionalityReduction {
  const inputSize = mean.length;
  const outputSize = projection?.components.rows ?? inputSize;

  function apply(features: Matrix): Matrix {
    if (features.cols !== inputSize) {
      throw new MlError("shape", `The DR takes ${inputSize} features, not ${features.cols}`);
    }
    const parts = projection === undefined ? { mean, scale } : { mean, scale, components: projection.components };
    return kernels.project(parts, features);
  }

  function save(): TensorFile {
    const tensors = new Map<string, Tensor>([
      ["mean", { dtype: "F64", shape: [inputSize], data: mean }],
      ["scale", { dtype: "F64", shape: [inputSize], data: scale }],
    ]);
    if (projection !== undefined) {
      const { components, explainedVarianceRatio } = projection;
      tensors.set("components", { dtype: "F32", shape: [outputSize, inputSize], data: components.data });
      tensors.set("explained_variance_ratio", { dtype: "F64", shape: [outputSize], data: explainedVarianceRatio });
    }
    return { metadata: { kind: "dimensionality-reduction", version: "1" }, tensors };
  }

  const ratio = projection === undefined ? {} : { explainedVarianceRatio: projection.explainedVarianceRatio };
  return { inputSize, outputSize, ...ratio, apply, save };
}
