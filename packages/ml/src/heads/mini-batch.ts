// Mini-batch descent for the linear head: plain SGD and Adam, as the paper's training setup uses them.

import { MlError } from "../error.js";
import type { Random } from "../tensor/random.js";
import { addCrossEntropy, addPenalty, type Design, type Penalty } from "./softmax.js";

export interface Descent {
  readonly design: Design;
  readonly penalty: Penalty;
  readonly recipe: {
    readonly optimizer: "sgd" | "adam" | "lbfgs";
    readonly learningRate: number;
    readonly epochs: number;
    readonly batchSize: number;
  };
  readonly random: Random;
  /** Called before each epoch. The callback stops the training by throwing. */
  readonly onEpoch: () => void;
}

/** Moves the weights, in place, one step against the gradient. */
type Step = (weights: Float64Array, gradient: Float64Array) => void;

/**
 * Makes `epochs` passes over the rows from the penalty's centre, each pass in a new order. The last batch may
 * be shorter than the others. Returns the weights, (classes, width). Throws `not-finite` when the learning
 * rate made them diverge.
 */
export function descend({ design, penalty, recipe, random, onEpoch }: Descent): Float64Array {
  const { rows, width } = design;
  const weights = penalty.centre.slice();
  const gradient = new Float64Array(weights.length);
  const step = recipe.optimizer === "adam" ? adam(recipe.learningRate, weights.length) : sgd(recipe.learningRate);
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  const batch = createBatch(design, Math.min(recipe.batchSize, rows));
  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    onEpoch();
    random.shuffle(order);
    let loss = 0;
    for (let start = 0; start < rows; start += recipe.batchSize) {
      const chosen = order.subarray(start, Math.min(start + recipe.batchSize, rows));
      gradient.fill(0);
      loss += addCrossEntropy(gather(design, chosen, batch), weights, gradient);
      for (let k = 0; k < gradient.length; k++) {
        gradient[k]! /= chosen.length;
      }
      addPenalty(penalty, { weights, width }, gradient);
      step(weights, gradient);
    }
    if (!Number.isFinite(loss)) {
      throw new MlError("not-finite", `The loss became ${loss} in epoch ${epoch + 1}; use a smaller learning rate`);
    }
  }
  return weights;
}

function sgd(learningRate: number): Step {
  return (weights, gradient) => {
    for (let k = 0; k < weights.length; k++) {
      weights[k]! -= learningRate * gradient[k]!;
    }
  };
}

/** Kingma and Ba 2015, algorithm 1, with its defaults. L2 is part of the gradient, as in the paper's Keras setup. */
function adam(learningRate: number, size: number): Step {
  const first = new Float64Array(size);
  const second = new Float64Array(size);
  const decay1 = 0.9;
  const decay2 = 0.999;
  const epsilon = 1e-8;
  let power1 = 1;
  let power2 = 1;
  return (weights, gradient) => {
    power1 *= decay1;
    power2 *= decay2;
    for (let k = 0; k < size; k++) {
      const g = gradient[k]!;
      first[k] = decay1 * first[k]! + (1 - decay1) * g;
      second[k] = decay2 * second[k]! + (1 - decay2) * g * g;
      const mean = first[k]! / (1 - power1);
      const deviation = Math.sqrt(second[k]! / (1 - power2));
      weights[k]! -= (learningRate * mean) / (deviation + epsilon);
    }
  };
}

interface Batch {
  readonly x: Float32Array;
  readonly labels: Int32Array;
  readonly importance: Float64Array;
}

function createBatch({ width }: Design, size: number): Batch {
  return { x: new Float32Array(size * width), labels: new Int32Array(size), importance: new Float64Array(size) };
}

/** Copies the chosen rows next to each other into `batch`. */
function gather(design: Design, chosen: Int32Array, { x, labels, importance }: Batch): Design {
  const { width, classes } = design;
  for (let i = 0; i < chosen.length; i++) {
    const from = chosen[i]!;
    x.set(design.x.subarray(from * width, (from + 1) * width), i * width);
    labels[i] = design.labels[from]!;
    importance[i] = design.importance[from]!;
  }
  return { rows: chosen.length, width, x, labels, importance, classes };
}
