import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference, readGolden, toMatrix } from "../../../../test/golden/heads/read.js";
import { createMatrix, type Matrix, row } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { parseSafetensors, serializeSafetensors, type TensorFile } from "../tensor/safetensors.js";
import { fitDimensionalityReduction, loadDimensionalityReduction } from "./dimensionality-reduction.js";
import { applyPca, fitPca } from "./pca.js";
import { applyStandardizer, fitStandardizer } from "./standardizer.js";

interface Golden {
  features: number[][];
  pca: {
    mean: number[];
    components: number[][];
    explainedVariance: number[];
    explainedVarianceRatio: number[];
    projected: number[][];
  };
  constant: {
    features: number[][];
    mean: number[];
    scale: number[];
    standardised: number[][];
    projected: number[][];
    explainedVarianceRatio: number[];
  };
}

const golden = readGolden<Golden>("reduction");

function throughBytes(file: TensorFile): TensorFile {
  return parseSafetensors(serializeSafetensors(file));
}

/** The file with one tensor replaced. */
function withTensor(file: TensorFile, name: string, data: Float64Array, shape = [data.length]): TensorFile {
  return { ...file, tensors: new Map(file.tensors).set(name, { dtype: "F64", shape, data }) };
}

describe("PCA", () => {
  const features = toMatrix(golden.features);
  const pca = fitPca(features, 3);

  test("equals scikit-learn's: mean, components with their signs, explained variance, projection", () => {
    expect(largestDifference(pca.mean, golden.pca.mean)).toBeLessThan(1e-12);
    expect(largestDifference(pca.components.data, golden.pca.components.flat())).toBeLessThan(1e-7);
    expect(largestDifference(pca.explainedVariance, golden.pca.explainedVariance)).toBeLessThan(1e-11);
    expect(largestDifference(pca.explainedVarianceRatio, golden.pca.explainedVarianceRatio)).toBeLessThan(1e-12);
    expect(largestDifference(applyPca(pca, features).data, golden.pca.projected.flat())).toBeLessThan(2e-6);
  });

  test("projects one row as it does many", () => {
    expect(applyPca(pca, row(features, 4))).toEqual(row(applyPca(pca, features), 4));
  });

  test("of features that do not vary keeps zeros, not NaN", () => {
    const constant = fitPca(createMatrix(3, 2, new Float32Array(6).fill(4)), 2);
    expect(Array.from(constant.explainedVarianceRatio)).toEqual([0, 0]);
    expect(Array.from(applyPca(constant, Float32Array.of(4, 4)))).toEqual([0, 0]);
  });

  test.each([40, 100])("of %i rows with 128 features keeps their distances in fewer components than rows", (rows) => {
    const random = createRandom(rows);
    const few = createMatrix(rows, 128, new Float32Array(rows * 128).map(random.normal));
    const fitted = fitPca(few, rows);
    expect(fitted.explainedVariance.filter((variance) => variance > 1e-6)).toHaveLength(rows - 1);
    const projected = applyPca(fitted, few);
    const distance = ({ cols, data }: Matrix) => {
      let squares = 0;
      for (let d = 0; d < cols; d++) squares += (data[d]! - data[cols + d]!) ** 2;
      return Math.sqrt(squares);
    };
    expect(distance(projected)).toBeCloseTo(distance(few), 4);
  });

  test("refuses more components than there are, one row, NaN, and rows of another size", () => {
    expect(() => fitPca(features, 7)).toThrow("ask for 1 to 6");
    expect(() => fitPca(createMatrix(2, 6), 3)).toThrow("ask for 1 to 2");
    expect(() => fitPca(createMatrix(1, 6), 1)).toThrow("at least two rows");
    expect(() => fitPca(createMatrix(2, 1, Float32Array.of(1, Number.NaN)), 1)).toThrow("features");
    expect(() => applyPca(pca, new Float32Array(5))).toThrow("fitted on 6 features, not 5");
  });
});

describe("Standardisation", () => {
  const features = toMatrix(golden.constant.features);

  test("equals scikit-learn's, a constant feature included", () => {
    const standardizer = fitStandardizer(features);
    expect(largestDifference(standardizer.mean, golden.constant.mean)).toBeLessThan(1e-12);
    expect(largestDifference(standardizer.scale, golden.constant.scale)).toBeLessThan(1e-12);
    const standardised = applyStandardizer(standardizer, features);
    expect(largestDifference(standardised.data, golden.constant.standardised.flat())).toBeLessThan(1e-6);
  });

  test("refuses no rows, infinity, and rows of another size", () => {
    expect(() => fitStandardizer(createMatrix(0, 3))).toThrow("at least one row");
    expect(() => fitStandardizer(createMatrix(1, 1, Float32Array.of(Number.POSITIVE_INFINITY)))).toThrow("features");
    expect(() => applyStandardizer(fitStandardizer(features), createMatrix(1, 5))).toThrow("6 features, not 5");
  });
});

describe("The DR", () => {
  const features = toMatrix(golden.constant.features);

  test("standardises, then projects, as scikit-learn's pipeline does", () => {
    const reduction = fitDimensionalityReduction(features, 3);
    expect(reduction).toMatchObject({ inputSize: 6, outputSize: 3 });
    expect(largestDifference(reduction.apply(features).data, golden.constant.projected.flat())).toBeLessThan(5e-6);
    const ratio = reduction.explainedVarianceRatio!;
    expect(largestDifference(ratio, golden.constant.explainedVarianceRatio)).toBeLessThan(1e-7);
  });

  test("does not scale a feature that hardly varies up to what varies", () => {
    const features = createMatrix(4, 3);
    features.data.set([1, 8, 0, -1, 8.0001, 2, 1, 8, 0, -1, 8.0001, 2]);
    const { data } = fitDimensionalityReduction(features).apply(features);
    // The deviations are 1, 5e-5 and 1, so the median is 1, and the second feature is divided by 0.2 instead
    // of its own deviation.
    expect(data[0]).toBeCloseTo(1, 5);
    expect(data[1]).toBeCloseTo(-2.5e-4, 5);
    expect(data[2]).toBeCloseTo(-1, 5);
  });

  test("without components standardises and keeps every feature", () => {
    const reduction = fitDimensionalityReduction(features);
    expect(reduction).toMatchObject({ inputSize: 6, outputSize: 6 });
    expect(reduction.apply(features)).toEqual(applyStandardizer(fitStandardizer(features), features));
  });

  test.each([undefined, 2])("with %s components gives the same bits after save and load", (outputSize) => {
    const reduction = fitDimensionalityReduction(
      labelledRows({ rows: 30, inputSize: 5, classes: 3, seed: 1 }).features,
      outputSize,
    );
    const loaded = loadDimensionalityReduction(throughBytes(reduction.save()));
    const fresh = labelledRows({ rows: 4, inputSize: 5, classes: 3, seed: 2 }).features;
    expect(loaded.apply(fresh)).toEqual(reduction.apply(fresh));
    expect(serializeSafetensors(loaded.save())).toEqual(serializeSafetensors(reduction.save()));
  });

  test("refuses a damaged file by the field's name", () => {
    const file = fitDimensionalityReduction(features, 3).save();
    const zero = new Float64Array(6);
    expect(() => loadDimensionalityReduction(withTensor(file, "scale", zero))).toThrow('"scale" holds 0 at position 0');
    expect(() => loadDimensionalityReduction(withTensor(file, "mean", zero.slice(1)))).toThrow('"mean"');
    expect(() => loadDimensionalityReduction(withTensor(file, "extra", zero))).toThrow('"extra"');
    expect(() => loadDimensionalityReduction({ ...file, metadata: {} })).toThrow('"kind" is missing');
    const halved = new Map(file.tensors);
    halved.delete("components");
    expect(() => loadDimensionalityReduction({ ...file, tensors: halved })).toThrow('"components" is missing');
    const empty = { metadata: file.metadata, tensors: new Map() };
    expect(() => loadDimensionalityReduction(empty)).toThrow('"mean" is missing');
  });

  test("refuses features of another size", () => {
    expect(() => fitDimensionalityReduction(features, 3).apply(createMatrix(1, 3))).toThrow("takes 6 features, not 3");
  });
});
