// How far a person's head may stray from the prior head, feature by feature: further for the features that the
// prior head uses more.

import { createMatrix, type Matrix } from "../tensor/matrix.js";

/** A share of the usual use: a feature that the prior does not use at all can still be learned. */
const minShare = 0.05;

/**
 * (D): r_d, how far the weights of a feature may stray from the prior's weights. A feature of the usual use has 1. The
 * root mean square of the prior's weights over the classes measures a feature's use, and r_d grows with it from a
 * lower bound on. The usual use is the mean over the features weighted by their use, so unused features do not count.
 * All r_d are 1 for a prior that uses no feature, or all features alike. A feature that separates emotions for
 * everyone also separates them for one person, if not in the same way. This is ridge regression in which a first
 * estimate sets the weights' variances.
 * Sources: the adaptive lasso (Zou 2006, section 2) and the generalised ridge (Hoerl and Kennard 1970, section 9).
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
  // If the weights are so small that their squares vanish, they say nothing about the features' use.
  if (!(weighed > 0)) return squares.fill(1);
  const usual = weighed / sum;
  return squares.map((square) => Math.sqrt((1 - minShare) * (square / usual) + minShare));
}

/** x_d r_d: an even penalty on the weights of stretched rows lets each w_d stray by r_d. */
export function stretchRows({ rows, cols, data }: Matrix, reach: Float64Array): Matrix {
  const stretched = createMatrix(rows, cols);
  for (let k = 0; k < data.length; k++) stretched.data[k] = data[k]! * reach[k % cols]!;
  return stretched;
}

/**
 * Changes weights (classes, D + 1), bias last, in place: weights of plain rows become weights of stretched rows
 * with the same scores.
 */
export function shrinkWeights(weights: Float64Array, reach: Float64Array): Float64Array {
  const width = reach.length + 1;
  for (let k = 0; k < weights.length; k++) if (k % width < reach.length) weights[k]! /= reach[k % width]!;
  return weights;
}

/** The inverse of shrinkWeights, in place. */
export function growWeights(weights: Float64Array, reach: Float64Array): Float64Array {
  const width = reach.length + 1;
  for (let k = 0; k < weights.length; k++) if (k % width < reach.length) weights[k]! *= reach[k % width]!;
  return weights;
}
