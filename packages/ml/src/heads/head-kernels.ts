// The port behind which heads are trained and predict: plain TypeScript (reference-head-kernels.ts) or
// the C kernels (../engine/kernel-heads.ts).

import type { Matrix } from "../tensor/matrix.js";
import type { HiddenLayer } from "./hidden-layer.js";
import type { Descent } from "./mini-batch.js";
import type { Design } from "./softmax.js";

/**
 * The expensive parts of training and predicting. Every implementation gives the same numbers as its twin. In float64
 * the numbers agree within 1e-9 of their size; hidden layers and sums over them agree to the last bit. `descend`
 * (float32) agrees within 1e-4 after 100 epochs. The heads check the inputs. A value that is not finite is refused or
 * leads to a result that is not finite, and never to a finite number.
 */
export interface HeadKernels {
  /**
   * Mini-batch descent from the penalty's centre, as `descend` of mini-batch.ts. Throws `not-finite`
   * when the weights diverged.
   */
  descend(descent: Descent): Float64Array;
  /** Keeps the rows where the kernels reach them, for several evaluations. */
  openRows(design: Design): OpenRows;
  /** XᵀX weighted by importance and divided by the rows: (width, width), upper triangle. */
  secondMoments(design: Design): Float64Array;
  /** x: (rows, size) → xᵀx: (size, size), upper triangle. */
  gram(x: Float64Array, size: number): Float64Array;
  /**
   * Factor of A + ridge·I. A (size, size) is given by its upper triangle and left untouched. Throws `shape`, and
   * `singular` as `factorize` of ../linalg/cholesky.ts.
   */
  factorize(matrix: Float64Array, size: number, ridge?: number): Factor;
  /** softmax(x weightᵀ + bias): (N, D) to (N, classes). */
  softmax(features: Matrix, weights: LinearWeights): Matrix;
  /** Sums over the rows' hidden outputs. */
  elmSums(layer: HiddenLayer, rows: LabelledMatrix): ElmSums;
  /** W · h for each row: (N, classes). */
  elmScores(layer: HiddenLayer, features: Matrix, outputWeights: Float64Array): Float64Array;
  openOselm(layer: HiddenLayer, classes: number): OselmKernel;
  /** variances: (D), r² of the pull. The sums start at 0. */
  openAscent(variances: Float64Array, classes: number): AscentKernel;
  /** components · (x - mean) / scale: (N, D) to (N, outputSize). Without components: (x - mean) / scale. */
  project(projection: Projection, features: Matrix): Matrix;
}

export interface OpenRows {
  /**
   * gradient (classes, width) ← gradient of Σ importance · cross-entropy over the rows at these
   * weights. Returns the sum.
   */
  crossEntropy(weights: Float64Array, gradient: Float64Array): number;
  /** Gives the memory back. No method may be called afterwards. */
  close(): void;
}

export interface Factor {
  /** rhs: (count, size), each row ← A⁻¹ row, in place. */
  solveInPlace(rhs: Float64Array): void;
}

export interface LinearWeights {
  /** (classes, D) */
  readonly weight: Float64Array;
  /** (classes) */
  readonly bias: Float64Array;
}

export interface LabelledMatrix {
  readonly features: Matrix;
  readonly labels: Int32Array;
  readonly classes: number;
}

export interface ElmSums {
  /** Σ h hᵀ, (hidden, hidden), upper triangle. */
  readonly gram: Float64Array;
  /** Σ one-hot(label) hᵀ, (classes, hidden). */
  readonly moments: Float64Array;
}

/** The sums and the solution of one OSELM head, where the kernels reach them. The arrays change as rows come and go. */
export interface OselmKernel extends ElmSums {
  /** (classes, hidden): the solution of the last `solve`, changed by the rows followed since. */
  readonly weights: Float64Array;
  /** weights ← (gram + l2 I)⁻¹ (moments + l2 prior). Throws `singular`, and then leaves no solution. */
  solve(l2: number, priorWeights?: Float64Array): void;
  /**
   * Adds rows to the sums (sign 1) or takes them away (-1). With `follow`, rank-1 updates change the solution, too.
   * Returns the number of rows that the solution followed. If that is fewer than all, the next downdate was ill-posed,
   * and only `solve` gives the new solution.
   */
  change(features: Matrix, labels: Int32Array, how: { sign: 1 | -1; follow: boolean }): number;
}

/** A row of an online head, which keeps its share aᵢ of the head's sums. */
export interface AscentRow {
  /** (D), by reference. */
  readonly features: Float32Array;
  label: number;
  /** (classes): the prior's share of the scores. */
  readonly offsets: Float64Array;
  /** ‖r x‖² */
  readonly square: number;
  /** (classes): aᵢ. */
  readonly residual: Float64Array;
}

export interface AscentStep {
  /** (classes): the weight of a row of each class. */
  readonly importance: Float64Array;
  /** 1 / λ, and 1 over the precision of the biases. */
  readonly perLambda: number;
  readonly perBias: number;
}

/** The sums of one online head, where the kernels reach them. ../online/dual-ascent.ts says what they mean. */
export interface AscentKernel {
  /** Σ aᵢ (r² xᵢ)ᵀ: (classes, D). */
  readonly sums: Float64Array;
  /** Σ aᵢ: (classes). */
  readonly biasSums: Float64Array;
  /**
   * Sets one row's aᵢ after the other to the optimum while all else stays: O(classes · D) each. A row may come more
   * than once. Returns the largest change.
   */
  visit(rows: readonly AscentRow[], step: AscentStep): number;
}

export interface Projection {
  /** (D) */
  readonly mean: Float64Array;
  /** (D), all positive. */
  readonly scale: Float64Array;
  /** (outputSize, D) */
  readonly components?: Matrix;
}
