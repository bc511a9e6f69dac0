// Tables 10 and 11 of the paper: 100 epochs of mini-batch SGD of the linear head on random data, beside TensorFlow.js, scikit-learn and NumPy.

import { spawnSync } from "node:child_process";
import { createHeadKernels } from "@attune/ml/engine/head-kernels";
import { descend } from "@attune/ml/heads/mini-batch";
import { createDesign } from "@attune/ml/heads/softmax";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tf } from "../../apps/server/dist/pretraining/backend.js";
import { trainWithTensorflow } from "./heads.js";
import { type Timing, timeInTurn } from "./timing.js";

export interface HeadTableRow {
  readonly engine: string;
  readonly features: number;
  readonly samples: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  /** Ours alone: the fastest peer's median over this one. */
  readonly ratioToBestPeer: number | null;
}

const classes = 7;
const epochs = 100;
const batchSize = 64;
const learningRate = 0.01;
const rounds = 5;

export interface HeadBench {
  readonly kernels: Uint8Array;
  readonly tf: Tf;
  readonly onCell: (done: number, total: number) => void;
}

export async function benchHeadTable({ kernels, tf, onCell }: HeadBench): Promise<HeadTableRow[]> {
  const cells = [32, 64, 128, 512].flatMap((features) => [200, 500, 1_300].map((samples) => ({ features, samples })));
  const ours = createHeadKernels(kernels);
  const rows: HeadTableRow[] = [];
  for (const [i, { features, samples }] of cells.entries()) {
    const random = createRandom(1);
    const matrix = createMatrix(samples, features);
    for (let k = 0; k < matrix.data.length; k++) matrix.data[k] = random.normal();
    const labels = Int32Array.from({ length: samples }, () => random.integer(classes));
    const training = () => {
      const design = createDesign(matrix, labels, { classes, classWeights: "none" });
      const penalty = { centre: new Float64Array(classes * design.width), l2: 0, biasL2: 0 };
      const recipe = { optimizer: "sgd", learningRate, epochs, batchSize } as const;
      return { design, penalty, recipe, random: createRandom(2), onEpoch: () => undefined };
    };
    const timings = await timeInTurn(
      [
        { name: "wasm", run: () => ours.descend(training()) },
        { name: "reference", run: () => descend(training()) },
        {
          name: "tensorflow.js",
          run: () => trainWithTensorflow(tf, { data: matrix.data, labels, samples, featureCount: features }),
        },
      ],
      { rounds, warmups: 1 },
    );
    const peers = [timings[2]!, ...timePython(features, samples)];
    const best = Math.min(...peers.map(({ medianMs }) => medianMs));
    for (const { name, medianMs, p90Ms } of [timings[0]!, timings[1]!, ...peers]) {
      const isOurs = name === "wasm" || name === "reference";
      const ratioToBestPeer = isOurs ? best / medianMs : null;
      rows.push({ engine: name, features, samples, medianMs, p90Ms, ratioToBestPeer });
    }
    onCell(i + 1, cells.length);
  }
  return rows;
}

/** Each peer by itself: importing scikit-learn may fail where NumPy is there. Sorted milliseconds, one list a peer. */
const pythonScript = `
import json, sys, time
import numpy as np
features, samples, classes, epochs, batch, rate, rounds = [float(a) for a in sys.argv[1:]]
features, samples, classes, epochs, batch, rounds = [int(a) for a in (features, samples, classes, epochs, batch, rounds)]
generator = np.random.default_rng(1)
x = generator.standard_normal((samples, features)).astype(np.float32)
y = generator.integers(0, classes, samples)

def by_numpy():
    weights = np.zeros((features, classes), np.float32)
    bias = np.zeros(classes, np.float32)
    for _ in range(epochs):
        order = generator.permutation(samples)
        for start in range(0, samples, batch):
            chosen = order[start:start + batch]
            rows = x[chosen]
            scores = rows @ weights + bias
            scores -= scores.max(axis=1, keepdims=True)
            residuals = np.exp(scores)
            residuals /= residuals.sum(axis=1, keepdims=True)
            residuals[np.arange(len(chosen)), y[chosen]] -= 1
            residuals *= rate / len(chosen)
            weights -= rows.T @ residuals
            bias -= residuals.sum(axis=0)

contenders = {"numpy": by_numpy}
try:
    from sklearn.linear_model import SGDClassifier
    def by_sklearn():
        SGDClassifier(loss="log_loss", alpha=0.0, learning_rate="constant", eta0=rate, max_iter=epochs, tol=None).fit(x, y)
    contenders["scikit-learn"] = by_sklearn
except ImportError:
    pass
times = {}
for name, run in contenders.items():
    run()
    times[name] = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times[name].append((time.perf_counter() - started) * 1000)
    times[name].sort()
print(json.dumps(times))
`;

/** In the same run, after ours: another process cannot take turns. Nothing where python3 (or ATTUNE_PYTHON) has no NumPy. */
function timePython(features: number, samples: number): Timing[] {
  const python = process.env.ATTUNE_PYTHON ?? "python3";
  const sizes = [features, samples, classes, epochs, batchSize, learningRate, rounds].map(String);
  const env = { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
  const { status, stdout } = spawnSync(python, ["-c", pythonScript, ...sizes], { env, encoding: "utf8" });
  if (status !== 0) return [];
  return Object.entries(JSON.parse(stdout) as Record<string, number[]>).map(([name, times]) => ({
    name,
    medianMs: times[Math.floor(times.length / 2)]!,
    p90Ms: times[Math.floor(times.length * 0.9)]!,
  }));
}
