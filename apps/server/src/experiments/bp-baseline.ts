// The baseline `bp`: the whole encoder fine-tuned end to end on the dataset. An upper bound, not something a device could do.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { pooledSize } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { classificationReport } from "@attune/ml/metrics/classification";
import { dequantizeTensorFile } from "@attune/ml/quantization/int8";
import { getFloat32 } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import type { LabelledRow } from "../datasets/table.js";
import type { Tf } from "../pretraining/backend.js";
import type { Example } from "../pretraining/batches.js";
import { sha256 } from "../pretraining/export.js";
import { labelsOf } from "../pretraining/freeze.js";
import { createVariables, forwardFeatures } from "../pretraining/inference.js";
import { createParameter } from "../pretraining/optimizer.js";
import { type Recipe, recipes } from "../pretraining/recipe.js";
import { train } from "../pretraining/trainer.js";
import type { ExtractorSource } from "./extractor-source.js";
import type { Finding, Task } from "./outcome.js";
import { chooseRows, taskKey, type Workbench } from "./workbench.js";

const taskName = "emotion";
const epochs = 4;
const learningRate = 2e-4;

/** Epochs by early stopping on the rows that settings are chosen on; the weights of the best epoch are measured. */
export function bpTask(bench: Workbench, source: ExtractorSource): Task {
  return {
    key: taskKey(bench, `bp-${epochs}-${learningRate}`, source.key),
    what: `end-to-end fine-tuning of ${source.name}`,
    cost: 700,
    async compute(report) {
      const tf = await bench.openTf();
      const findings: Finding[] = [];
      for (const [turn, seed] of bench.seeds.entries()) {
        const progress = (fraction: number) => report((turn + fraction) / bench.seeds.length);
        findings.push(await fineTune(bench, { tf, source, seed, report: progress }));
      }
      const [first] = findings;
      const confusion = first?.confusion === undefined ? {} : { confusion: first.confusion };
      const notes = [`Adam ${learningRate} with warm-up, best of ${epochs} epochs`];
      return { scores: findings.flatMap(({ scores }) => scores), notes, ...confusion };
    },
  };
}

interface FineTuning {
  readonly tf: Tf;
  readonly source: ExtractorSource;
  readonly seed: number;
  readonly report: (fraction: number) => void;
}

async function fineTune(bench: Workbench, { tf, source, seed, report }: FineTuning): Promise<Finding> {
  const { config, pooling, maxTokens } = source.folder;
  const rows = chooseRows(bench);
  const tokenizer = createTokenizer(source.folder.tokenizerJson);
  const examples = (list: readonly LabelledRow[]): Example[] =>
    list.map(({ text, label }) => {
      const target = new Float32Array(emotionLabels.length);
      target[emotionLabels.indexOf(label)] = 1;
      return { ids: tokenizer.encode(text, { maxTokens }).ids, target };
    });
  const { stopAfterEpochs: _, ...base } = recipes.tiny;
  const recipe: Recipe = { ...base, pooling, maxTokens, epochs, learningRate, patience: 2, tokenDropoutRate: 0 };
  const fingerprint = sha256(source.key, String(seed));
  const directory = join(bench.scratchDirectory, fingerprint);
  try {
    const outcome = await train({
      tf,
      config,
      recipe,
      tasks: [{ name: taskName, classes: emotionLabels, examples: examples(rows.fit) }],
      dev: examples(rows.check),
      seed,
      unknownId: 0,
      firstWordId: 0,
      fingerprint,
      directory,
      initial: encoderWeights(source),
      onProgress: ({ step, steps }) => report(step / steps),
    });
    const predicted = predict({ tf, source, best: outcome.selected }, examples(bench.measured));
    const result = classificationReport(labelsOf(bench.measured), predicted, emotionLabels.length);
    return { scores: [result.weightedF1], notes: [], confusion: Array.from(result.confusion) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function shapesOf({ folder }: ExtractorSource): Map<string, number[]> {
  const shapes = encoderWeightShapes(folder.config);
  const features = pooledSize(folder.config.hiddenSize, folder.pooling);
  shapes.set(`head.${taskName}.weight`, [emotionLabels.length, features]);
  shapes.set(`head.${taskName}.bias`, [emotionLabels.length]);
  return shapes;
}

function encoderWeights({ folder, model }: ExtractorSource): Map<string, Float32Array> {
  const file = "quantization" in model.metadata ? dequantizeTensorFile(model) : model;
  return new Map([...encoderWeightShapes(folder.config)].map(([name, shape]) => [name, getFloat32(file, name, shape)]));
}

interface Tuned {
  readonly tf: Tf;
  readonly source: ExtractorSource;
  readonly best: ReadonlyMap<string, Float32Array>;
}

function predict({ tf, source, best }: Tuned, examples: readonly Example[]): Int32Array {
  const { config, pooling } = source.folder;
  const parameters = new Map(
    [...shapesOf(source)].map(([name, shape]) => [name, createParameter(shape, best.get(name)!)]),
  );
  const weights = createVariables(tf, parameters);
  const [weight, bias] = [best.get(`head.${taskName}.weight`)!, best.get(`head.${taskName}.bias`)!];
  const predicted = new Int32Array(examples.length);
  try {
    for (let start = 0; start < examples.length; start += 64) {
      const batch = examples.slice(start, start + 64);
      const features = forwardFeatures({ tf, config, recipe: { pooling } }, { parameters, weights, examples: batch });
      const width = features.length / batch.length;
      for (let i = 0; i < batch.length; i++) {
        const scores = Array.from(bias, (value, c) => {
          let sum = value;
          for (let j = 0; j < width; j++) sum += weight[c * width + j]! * features[i * width + j]!;
          return sum;
        });
        predicted[start + i] = scores.indexOf(Math.max(...scores));
      }
    }
  } finally {
    for (const variable of weights.values()) variable.dispose();
  }
  return predicted;
}
