// Tables 10 and 11 of the paper: 100 epochs of mini-batch SGD of the linear head on random data, beside
// TensorFlow.js, scikit-learn and NumPy.

import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { createDesign } from "@attune/ml/heads/softmax";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { HeadEngine } from "./head-engines.js";
import type { Tf } from "./product.js";
import type { BenchProgress } from "./progress.js";
import type { PythonPeers } from "./python-peers.js";
import { type HeadRow, type Measured, ratioToBest } from "./results.js";
import { type Contender, contender, timeInTurn } from "./timing.js";

const classes = 7;
const epochs = 100;
const batchSize = 64;
const learningRate = 0.01;

interface HeadBench {
  readonly engines: readonly HeadEngine[];
  readonly python: PythonPeers;
  readonly tf: Tf;
  readonly progress: BenchProgress;
  readonly cells: readonly HeadCell[];
  readonly rounds: number;
}

export interface HeadCell {
  readonly features: number;
  readonly samples: number;
}

export const paperCells: readonly HeadCell[] = [32, 64, 128, 512].flatMap((features) =>
  [200, 500, 1_300].map((samples) => ({ features, samples })),
);

/** TensorFlow.js takes minutes where the other engines take seconds, so it is timed in every fourth round. */
const tensorflowEvery = 4;

/** Seconds on a quiet machine, roughly. */
export function headCellWeight({ features, samples }: HeadCell, rounds: number): number {
  const steps = epochs * Math.ceil(samples / batchSize);
  const tensorflow = (1 + rounds / tensorflowEvery) * steps * (6e-4 + 1.2e-6 * features);
  return tensorflow + (1 + rounds) * samples * (1.2e-4 + 9e-7 * features);
}

export async function benchHeadTable({ engines, python, tf, progress, cells, rounds }: HeadBench): Promise<Measured> {
  const rows: HeadRow[] = [];
  const notes = notesOf(python);
  for (const cell of cells) {
    progress.begin(`${cell.features} features, ${cell.samples} samples`, headCellWeight(cell, rounds));
    const peers = peersOf(cell, tf, python);
    const ours = engines.map(({ name, kernels }) => ({ name, work: kernels && trainingOf(cell, kernels) }));
    const built = ours.flatMap(({ name, work }) => (work === undefined ? [] : [contender(name, work)]));
    const onRound = (done: number, total: number) => progress.advance(done / total);
    const onCut = (cut: number) =>
      notes.push(
        `${cell.features} features, ${cell.samples} samples: ${cut} of ${rounds} rounds, the machine being busy`,
      );
    const timings = await timeInTurn([...peers, ...built], { rounds, warmups: 1, onRound, onCut });
    const timed = new Map([...peers, ...built].map(({ name }, i) => [name, timings[i]!] as const));
    const medians = peers.map(({ name }) => timed.get(name)!.medianMs);
    for (const { name } of [...ours, ...peers]) {
      const { medianMs, p90Ms } = timed.get(name) ?? { medianMs: null, p90Ms: null };
      const isOurs = ours.some((one) => one.name === name);
      rows.push({
        engine: name,
        ...cell,
        medianMs,
        p90Ms,
        ratioToBestPeer: isOurs ? ratioToBest(medianMs, medians) : null,
      });
    }
  }
  return { limits: [], notes, rows };
}

function notesOf({ names }: PythonPeers): string[] {
  const missing = (["numpy", "scikit-learn"] as const).filter((name) => !names.includes(name));
  const alone = "python3 (or ATTUNE_PYTHON) does not have it";
  return missing.map((name) => `${name} is left out: ${alone}`);
}

/**
 * Every engine does the same work: the same rows, with seven classes drawn at random, as in the paper's random data.
 */
function trainingOf(cell: HeadCell, kernels: HeadKernels): () => unknown {
  const { matrix, labels } = randomData(cell);
  return () => {
    const design = createDesign(matrix, labels, { classes, classWeights: "none" });
    const penalty = { centre: new Float64Array(classes * design.width), l2: 0, biasL2: 0 };
    const recipe = { optimizer: "sgd", learningRate, epochs, batchSize } as const;
    return kernels.descend({ design, penalty, recipe, random: createRandom(2), onEpoch: () => undefined });
  };
}

export function randomData({ features, samples }: HeadCell) {
  const random = createRandom(1);
  const matrix = createMatrix(samples, features);
  for (let k = 0; k < matrix.data.length; k++) matrix.data[k] = random.normal();
  return { matrix, labels: Int32Array.from({ length: samples }, () => random.integer(classes)) };
}

function peersOf(cell: HeadCell, tf: Tf, python: PythonPeers): Contender[] {
  const { features, samples } = cell;
  const inPython = python.names.map((peer) => ({
    name: peer,
    time: () => python.time({ peer, task: "linear", sizes: [features, samples], times: 1 }),
  }));
  const data = randomData(cell);
  const inTensorflow = contender("tensorflow.js", () => trainWithTensorflow(tf, data));
  return [...inPython, { ...inTensorflow, every: tensorflowEvery }];
}

/** The same loop in TensorFlow.js: softmax cross-entropy, SGD, the same batches in each epoch. */
function trainWithTensorflow(tf: Tf, { matrix, labels }: ReturnType<typeof randomData>): Float32Array {
  const { rows: samples, cols: features } = matrix;
  const weight = tf.variable(tf.zeros([features, classes]));
  const bias = tf.variable(tf.zeros([classes]));
  const optimizer = tf.train.sgd(learningRate);
  const x = tf.tensor2d(matrix.data, [samples, features]);
  const y = tf.oneHot(tf.tensor1d(labels, "int32"), classes).toFloat();
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let start = 0; start < samples; start += batchSize) {
      const size = Math.min(batchSize, samples - start);
      optimizer.minimize(() =>
        tf.tidy(() => {
          const logits = tf.add(tf.matMul(x.slice([start, 0], [size, features]) as never, weight as never), bias);
          return tf.losses.softmaxCrossEntropy(y.slice([start, 0], [size, classes]), logits).asScalar();
        }),
      );
    }
  }
  const trained = Float32Array.from(weight.dataSync());
  tf.dispose([weight, bias, x, y]);
  optimizer.dispose();
  return trained;
}
