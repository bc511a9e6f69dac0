// The baseline `hidden`: one trained tanh layer on frozen features, cross-entropy, Adam 1e-4, batch 64
// (paper, "Training Setup"). TensorFlow.js computes its products; the gradient is written out, because there
// are only four weights.

import { importanceOf } from "@attune/ml/heads/softmax";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { createRandom, type Random } from "@attune/ml/tensor/random";
import type { Tf } from "../../pretraining/backend/tensorflow.js";
import type { Tensor2D } from "../../pretraining/graphs/layers.js";
import { adamUpdate, createParameter, type Parameter } from "../../pretraining/loop/optimizer.js";
import { paperSetup } from "../paper.js";
import type { Classifier, FitInput, Fitted } from "./classifiers.js";

interface HiddenSetting {
  readonly units: number;
  readonly l2: number;
  /** The number of epochs that early stopping found while settings were chosen. */
  readonly epochs?: number;
}

const { batchSize, adamRate } = paperSetup;
const maxEpochs = 60;
/** The number of epochs without a better weighted F1 on the check rows. */
const patience = 4;

interface HiddenOptions {
  readonly full: boolean;
  readonly classWeights: "balanced" | "none";
}

export function hiddenClassifier(openTf: () => Promise<Tf>, options: HiddenOptions): Classifier<HiddenSetting> {
  const { full, classWeights } = options;
  // Balanced classes are compared with the result without them, so the middle of the grid is enough.
  const units = full ? paperSetup.hiddenUnits : classWeights === "none" ? [25, 100, 500] : [100];
  const l2s = full ? paperSetup.l2 : [0, 0.003];
  const groups = units.flatMap((count) => l2s.map((l2) => [{ units: count, l2 }]));
  return {
    name: `hidden${classWeights === "none" ? "" : " balanced"}-tanh-${units.join(",")}-${l2s.join(",")}`,
    groups,
    describe: ({ units: count, l2, epochs }) => `${count} units, l2 ${l2}, ${epochs ?? maxEpochs} epochs`,
    fit: async (input) => [await fitHidden(await openTf(), input, classWeights)],
  };
}

/** (D, U), (U), (U, C), (C) */
interface Network {
  readonly w1: Parameter;
  readonly b1: Parameter;
  readonly w2: Parameter;
  readonly b2: Parameter;
}

async function fitHidden(
  tf: Tf,
  input: FitInput<readonly HiddenSetting[]>,
  classWeights: HiddenOptions["classWeights"],
): Promise<Fitted<HiddenSetting>> {
  const { problem, examples, check, seed } = input;
  const setting = input.group[0]!;
  const classes = problem.identity.classes.length;
  const random = createRandom(seed);
  const network = createNetwork([examples.features.cols, setting.units, classes], random);
  const importance = importanceOf(examples.labels, { classes, classWeights });
  const order = Int32Array.from(examples.labels.keys());
  const limit = setting.epochs ?? maxEpochs;
  let best = { score: Number.NEGATIVE_INFINITY, epochs: limit, weights: copyOf(network) };
  let step = 0;
  for (let epoch = 0; epoch < limit; epoch++) {
    random.shuffle(order);
    for (let start = 0; start < order.length; start += batchSize) {
      const rows = order.subarray(start, start + batchSize);
      trainStep(tf, {
        network,
        batch: gather({ ...examples, importance }, rows, classes),
        l2: setting.l2,
        step: ++step,
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (check === undefined) continue;
    const score = weightedF1(check.labels, predictedLabels(forward(tf, network, check.features)), classes);
    if (score > best.score) best = { score, epochs: epoch + 1, weights: copyOf(network) };
    else if (epoch + 1 - best.epochs >= patience) break;
  }
  const weights = check === undefined ? network : best.weights;
  const epochs = check === undefined ? limit : best.epochs;
  return { setting: { ...setting, epochs }, scores: (features) => forward(tf, weights, features) };
}

/** The initial weights are those of Glorot and Bengio 2010, uniform, as in a dense layer of Keras; biases are zero. */
function createNetwork([inputs, units, classes]: readonly [number, number, number], random: Random): Network {
  const glorot = (from: number, to: number) => {
    const bound = Math.sqrt(6 / (from + to));
    const values = Float32Array.from({ length: from * to }, () => bound * (2 * random.next() - 1));
    return createParameter([from, to], values);
  };
  const zeros = (size: number) => createParameter([size], new Float32Array(size));
  return { w1: glorot(inputs, units), b1: zeros(units), w2: glorot(units, classes), b2: zeros(classes) };
}

function copyOf({ w1, b1, w2, b2 }: Network): Network {
  const copy = ({ shape, values }: Parameter) => createParameter(shape, values.slice());
  return { w1: copy(w1), b1: copy(b1), w2: copy(w2), b2: copy(b2) };
}

interface Batch {
  readonly rows: number;
  /** (B, D) */
  readonly x: Float32Array;
  /** (B, C), one-hot */
  readonly y: Float32Array;
  /** (B), the weight of each row; 1 on average over all rows. */
  readonly importance: Float32Array;
}

function gather(
  { features, labels, importance }: FitInput<unknown>["examples"] & { readonly importance: Float64Array },
  rows: Int32Array,
  classes: number,
): Batch {
  const { cols, data } = features;
  const x = new Float32Array(rows.length * cols);
  const y = new Float32Array(rows.length * classes);
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]!;
    x.set(data.subarray(from * cols, (from + 1) * cols), i * cols);
    y[i * classes + labels[from]!] = 1;
  }
  return { rows: rows.length, x, y, importance: Float32Array.from(rows, (row) => importance[row]!) };
}

interface Step {
  readonly network: Network;
  readonly batch: Batch;
  readonly l2: number;
  readonly step: number;
}

/** Takes one batch forward and back; l2/2 applies to both weight matrices, not to the biases. */
function trainStep(tf: Tf, { network, batch, l2, step }: Step): void {
  const { rows, x, y, importance } = batch;
  const { w1, b1, w2, b2 } = network;
  const inputs = w1.shape[0]!;
  const classes = b2.values.length;
  const tensor = ({ values, shape }: Parameter) => tf.tensor(values, [...shape] as [number, number]) as Tensor2D;
  const gradients = new Map<Parameter, Float32Array>();
  tf.tidy(() => {
    const input = tf.tensor2d(x, [rows, inputs]);
    const outer = tensor(w2);
    const hidden = tf.tanh(tf.add(tf.matMul(input, tensor(w1)), tensor(b1))) as Tensor2D;
    const logits = tf.add(tf.matMul(hidden, outer), tensor(b2));
    const weigh = tf.tensor2d(importance, [rows, 1]).div(rows);
    const residual = tf.mul(tf.sub(tf.softmax(logits), tf.tensor2d(y, [rows, classes])), weigh) as Tensor2D;
    const slope = tf.sub(1, tf.square(hidden));
    const back = tf.mul(tf.matMul(residual, tf.transpose(outer)), slope) as Tensor2D;
    const ones = tf.ones([1, rows]) as Tensor2D;
    gradients.set(w2, read(tf.matMul(tf.transpose(hidden), residual)));
    gradients.set(b2, read(tf.matMul(ones, residual)));
    gradients.set(w1, read(tf.matMul(tf.transpose(input), back)));
    gradients.set(b1, read(tf.matMul(ones, back)));
  });
  for (const [parameter, gradient] of gradients) {
    if (parameter === w1 || parameter === w2) {
      for (let k = 0; k < gradient.length; k++) gradient[k]! += l2 * parameter.values[k]!;
    }
    adamUpdate(parameter, gradient, { learningRate: adamRate, weightDecay: 0, gradientScale: 1, step });
  }
}

function read(tensor: Tensor2D): Float32Array {
  return (tensor.dataSync() as Float32Array).slice();
}

/** (N, D) → (N, C), logits. */
function forward(tf: Tf, { w1, b1, w2, b2 }: Network, features: Matrix): Matrix {
  const tensor = ({ values, shape }: Parameter) => tf.tensor(values, [...shape] as [number, number]) as Tensor2D;
  let logits = new Float32Array(0);
  tf.tidy(() => {
    const input = tf.tensor2d(features.data, [features.rows, features.cols]);
    const hidden = tf.tanh(tf.add(tf.matMul(input, tensor(w1)), tensor(b1))) as Tensor2D;
    logits = read(tf.add(tf.matMul(hidden, tensor(w2)), tensor(b2)) as Tensor2D) as typeof logits;
  });
  return createMatrix(features.rows, b2.values.length, logits);
}
