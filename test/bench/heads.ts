// Head training, the paper's Table 10: 100 epochs of mini-batch SGD on random data, beside TensorFlow.js (wasm) doing the same.

import { fitLinear } from "@attune/ml/heads/linear";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tf } from "../../apps/server/dist/pretraining/backend.js";
import { type Contender, timeInTurn } from "./timing.js";

export interface HeadRow {
  readonly features: number;
  readonly samples: number;
  readonly oursMs: number;
  readonly tensorflowMs: number;
  readonly ratioToTensorflow: number;
}

const classes = 7;
const epochs = 100;
const batchSize = 64;
const learningRate = 0.01;

export async function benchHeads(tf: Tf, onCell: (done: number, total: number) => void): Promise<HeadRow[]> {
  const cells = [32, 64, 128, 512].flatMap((features) => [200, 500, 1_300].map((samples) => ({ features, samples })));
  const rows: HeadRow[] = [];
  for (const { features, samples } of cells) {
    const [ours, theirs] = await timeInTurn(contenders(tf, features, samples), { rounds: 3, warmups: 1 });
    if (ours === undefined || theirs === undefined) throw new Error("a contender was not timed");
    rows.push({
      features,
      samples,
      oursMs: ours.medianMs,
      tensorflowMs: theirs.medianMs,
      ratioToTensorflow: theirs.medianMs / ours.medianMs,
    });
    onCell(rows.length, cells.length);
  }
  return rows;
}

function contenders(tf: Tf, featureCount: number, samples: number): Contender[] {
  const random = createRandom(1);
  const features = createMatrix(samples, featureCount);
  for (let i = 0; i < features.data.length; i++) features.data[i] = random.normal();
  const labels = Int32Array.from({ length: samples }, () => random.integer(classes));
  const identity = { features: "bench", classes: Array.from({ length: classes }, (_, index) => `class ${index}`) };
  const recipe = { optimizer: "sgd", learningRate, epochs, batchSize, l2: 0 } as const;
  return [
    { name: "attune", run: () => fitLinear({ features, labels, identity, recipe, random: createRandom(2) }) },
    {
      name: "tensorflow.js wasm",
      run: () => trainWithTensorflow(tf, { data: features.data, labels, samples, featureCount }),
    },
  ];
}

export interface TrainingData {
  readonly data: Float32Array;
  readonly labels: Int32Array;
  readonly samples: number;
  readonly featureCount: number;
}

/** The same loop in TensorFlow.js: softmax cross-entropy, SGD, the same batches in each epoch. */
export function trainWithTensorflow(tf: Tf, { data, labels, samples, featureCount }: TrainingData): Float32Array {
  const weight = tf.variable(tf.zeros([featureCount, classes]));
  const bias = tf.variable(tf.zeros([classes]));
  const optimizer = tf.train.sgd(learningRate);
  const x = tf.tensor2d(data, [samples, featureCount]);
  const y = tf.oneHot(tf.tensor1d(labels, "int32"), classes).toFloat();
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let start = 0; start < samples; start += batchSize) {
      const size = Math.min(batchSize, samples - start);
      optimizer.minimize(() =>
        tf.tidy(() => {
          const logits = tf.add(tf.matMul(x.slice([start, 0], [size, featureCount]) as never, weight as never), bias);
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
