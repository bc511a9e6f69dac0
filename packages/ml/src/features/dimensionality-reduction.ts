// DR: what stands between the extractor's pooled features and a head. Standardise, then project on principal components if there are any.
import { MlError } from "../error.js";
import { readFloat32, readFloat64, readMatrixShape, readMetadataField, refuseOtherTensors } from "../tensor/fields.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { fitPca, projectRow } from "./pca.js";
import { applyStandardizer, fitStandardizer } from "./standardizer.js";

export interface DimensionalityReduction {
  readonly inputSize: number;
  readonly outputSize: number;
  /** (outputSize) the share of variance each component keeps; absent when nothing is projected away. */
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
 * Fits the release's DR on the labelled dataset's features (N, D): standardisation, and a PCA of the standardised features when `outputSize`
 * is given. It is part of the feature extractor: priors and personal heads see its output only, and its file is part of their identity.
 */
export function fitDimensionalityReduction(features: Matrix, outputSize?: number): DimensionalityReduction {
  const { mean, scale, inputSize } = fitStandardizer(features);
  if (outputSize === undefined) return createReduction({ mean, scale });
  const pca = fitPca(applyStandardizer({ mean, scale, inputSize }, features), outputSize);
  // What rounding to float32 left of the standardised mean is folded into the one mean of the file.
  const folded = mean.map((value, d) => value + scale[d]! * pca.mean[d]!);
  const { components, explainedVarianceRatio } = pca;
  return createReduction({ mean: folded, scale, projection: { components, explainedVarianceRatio } });
}

/** Throws `malformed`, `shape`, `not-finite`, `out-of-range` or `unsupported`, naming the field. */
export function loadDimensionalityReduction(file: TensorFile): DimensionalityReduction {
  const kind = readMetadataField(file, "kind");
  const version = readMetadataField(file, "version");
  if (kind !== "dimensionality-reduction" || version !== "1") {
    throw new MlError("unsupported", `A file of kind "${kind}", version "${version}", is not a DR of version 1`);
  }
  refuseOtherTensors(file, ["mean", "scale", "components", "explained_variance_ratio"]);
  const projected = file.tensors.has("components") || file.tensors.has("explained_variance_ratio");
  if (!projected) {
    const inputSize = file.tensors.get("mean")?.shape[0] ?? 0;
    return createReduction(readScaling(file, inputSize));
  }
  const [outputSize, inputSize] = readMatrixShape(file, "components");
  const components = createMatrix(outputSize, inputSize, readFloat32(file, "components", [outputSize, inputSize]));
  const explainedVarianceRatio = readFloat64(file, "explained_variance_ratio", [outputSize]);
  return createReduction({ ...readScaling(file, inputSize), projection: { components, explainedVarianceRatio } });
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

function createReduction({ mean, scale, projection }: Parts): DimensionalityReduction {
  const inputSize = mean.length;
  const outputSize = projection?.components.rows ?? inputSize;

  function apply(features: Matrix): Matrix {
    if (features.cols !== inputSize) {
      throw new MlError("shape", `The DR takes ${inputSize} features, not ${features.cols}`);
    }
    if (projection === undefined) return applyStandardizer({ inputSize, mean, scale }, features);
    const result = createMatrix(features.rows, outputSize);
    const standardised = new Float64Array(inputSize);
    for (let i = 0; i < features.rows; i++) {
      for (let d = 0; d < inputSize; d++) {
        standardised[d] = (features.data[i * inputSize + d]! - mean[d]!) / scale[d]!;
      }
      const out = result.data.subarray(i * outputSize, (i + 1) * outputSize);
      projectRow(projection.components.data, standardised, out);
    }
    return result;
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
