// How far a person's head may stray from the prior head, feature by feature: further where the prior head looks.
import { createMatrix, type Matrix } from "../tensor/matrix.js";

/** Of the usual use: a feature that the prior does not use at all can still be learned. */
const leastShare = 0.05;

/**
 * (D): r_d, how far the weights of a feature may stray from the prior's, 1 for a feature of the usual use: the root mean square over the classes
 * of the prior's weights, floored. What is usual is the features' mean weighed by their use, so features that nobody uses have no say. Ones for a
 * prior that uses nothing, or all alike. What told emotions apart for everyone tells them apart for a person, if not in the same way: ridge
 * regression whose weights' variances come from a first estimate, as in the adaptive lasso (Zou 2006, section 2) and the generalised ridge
 * (Hoerl and Kennard 1970, section 9).
 */
export function reachOf(weight: Float64Array, inputSize: number): Float64Array {
  const classes = weight.length / inputSize;
  const squares = new Float64Array(inputSize);
  for (let k = 0; k < weight.length; k++) squares[k % inputSize]! += weight[k]! ** 2 / classes;
  let [sum, weighed] = [0, 0];
  for (const square of squares) {
    sum += square;
    weighed += square * square;
  }
  // Of weights so small that their squares vanish nothing can be told.
  if (!(weighed > 0)) return squares.fill(1);
  const usual = weighed / sum;
  return squares.map((square) => Math.sqrt((1 - leastShare) * (square / usual) + leastShare));
}

/** x_d r_d: an even penalty on weights of these is one that lets each w_d stray by r_d. */
export function stretchRows({ rows, cols, data }: Matrix, reach: Float64Array): Matrix {
  const stretched = createMatrix(rows, cols);
  for (let k = 0; k < data.length; k++) stretched.data[k] = data[k]! * reach[k % cols]!;
  return stretched;
}

/** In place: weights (classes, D + 1), bias last, of plain rows become those of stretched rows that score alike. */
export function shrinkWeights(weights: Float64Array, reach: Float64Array): Float64Array {
  const width = reach.length + 1;
  for (let k = 0; k < weights.length; k++) if (k % width < reach.length) weights[k]! /= reach[k % width]!;
  return weights;
}

/** In place, the way back. */
export function growWeights(weights: Float64Array, reach: Float64Array): Float64Array {
  const width = reach.length + 1;
  for (let k = 0; k < weights.length; k++) if (k % width < reach.length) weights[k]! *= reach[k % width]!;
  return weights;
}
