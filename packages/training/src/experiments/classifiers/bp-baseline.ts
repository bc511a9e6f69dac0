// The baseline `bp`: the whole encoder fine-tuned end to end on the dataset. It is an upper bound that
// no device could compute.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { pooledSize } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { dequantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { getFloat32 } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { sha256 } from "@attune/platform/sha256";
import type { Tf } from "../../pretraining/backend/tensorflow.js";
import type { Example } from "../../pretraining/data/batches.js";
import { type Recipe, recipes } from "../../pretraining/data/recipe.js";
import { createVariables, taskLogits } from "../../pretraining/loop/inference.js";
import { createParameter } from "../../pretraining/loop/optimizer.js";
import { train } from "../../pretraining/loop/trainer.js";
import { type DataRow, labelsOf } from "../workbench/data.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import { createMeasurements, type Measurements, type Scored, temperatureOf } from "../workbench/measurement.js";
import type { Task } from "../workbench/outcome.js";
import { chooseRows, taskKey, type Workbench } from "../workbench/workbench.js";

const taskName = "emotion";
const epochs = 4;
const learningRate = 2e-4;

/**
 * Early stopping on the rows that settings are chosen on ends the epochs; the weights of the best epoch are measured.
 */
export function bpTask(bench: Workbench, source: ExtractorSource): Task {
  const key = taskKey(bench, import.meta.url, `bp-${epochs}-${learningRate}`, source.key);
  return {
    key,
    what: `end-to-end fine-tuning of ${source.name}`,
    cost: bpSeconds(source),
    async compute(report) {
      const tf = await bench.openTf();
      const measurements = createMeasurements(bench.data.classes.length);
      const directories: string[] = [];
      for (const [turn, seed] of bench.seeds.entries()) {
        const progress = (fraction: number) => report((turn + fraction) / bench.seeds.length);
        const fingerprint = sha256(key, String(seed));
        const directory = join(bench.scratchDirectory, fingerprint);
        directories.push(directory);
        measurements.add(await fineTune(bench, { tf, source, seed, fingerprint, directory, report: progress }));
      }
      // Up to here, a stopped run resumes from its checkpoints, those of finished seeds included.
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
      return measurements.finding([`Adam ${learningRate} with warm-up, best of ${epochs} epochs`]);
    },
  };
}

/** Notes for a comparison with the other rows, which are fitted on all of train once their settings are chosen. */
export function bpNotes({ split }: Pick<Workbench, "split">): string[] {
  return split === "test" ? [] : ["trained on four fifths of train, the other rows on all of it"];
}

/**
 * Seconds on one core for three seeds on MELD, as measured on two shapes. Products grow with the square of the width,
 * all else with the width.
 */
export function bpSeconds({ folder }: ExtractorSource): number {
  const { numHiddenLayers, hiddenSize } = folder.config;
  return 42 * numHiddenLayers * ((hiddenSize / 128) ** 2 + hiddenSize / 128);
}

/** Above this time, an encoder is fine-tuned only on request. */
export const bpLimitSeconds = 3600;

interface FineTuning {
  readonly tf: Tf;
  readonly source: ExtractorSource;
  readonly seed: number;
  readonly fingerprint: string;
  readonly directory: string;
  readonly report: (fraction: number) => void;
}

async function fineTune(bench: Workbench, run: FineTuning): Promise<Parameters<Measurements["add"]>[0]> {
  const { tf, source, seed, fingerprint, directory, report } = run;
  const { config, pooling, maxTokens } = source.folder;
  const { classes } = bench.data;
  const rows = chooseRows(bench);
  const tokenizer = createTokenizer(source.folder.tokenizerJson);
  const examples = (list: readonly DataRow[]): Example[] =>
    list.map(({ text, labelId }) => {
      const target = new Float32Array(classes.length);
      target[labelId] = 1;
      return { ids: tokenizer.encode(text, { maxTokens }).ids, target };
    });
  const { stopAfterEpochs: _, ...base } = recipes.tiny;
  const recipe: Recipe = { ...base, pooling, maxTokens, epochs, learningRate, patience: 2, tokenDropoutRate: 0 };
  const check = examples(rows.check);
  const { selected } = await train({
    tf,
    config,
    recipe,
    tasks: [{ name: taskName, classes, examples: examples(rows.fit) }],
    dev: check,
    seed,
    unknownId: 0,
    firstWordId: 0,
    fingerprint,
    directory,
    resume: true,
    initial: encoderWeights(source),
    onProgress: ({ step, steps }) => report(step / steps),
  });
  const scored = (of: readonly Example[], labelled: readonly DataRow[]): Scored => ({
    scores: predict({ tf, source, classes, selected }, of),
    labels: labelsOf(labelled),
  });
  const temperature = temperatureOf(scored(check, rows.check));
  return { measured: scored(examples(bench.measured), bench.measured), temperature };
}

function shapesOf({ source: { folder }, classes }: Pick<Tuned, "source" | "classes">): Map<string, number[]> {
  const shapes = encoderWeightShapes(folder.config);
  const features = pooledSize(folder.config.hiddenSize, folder.pooling);
  shapes.set(`head.${taskName}.weight`, [classes.length, features]);
  shapes.set(`head.${taskName}.bias`, [classes.length]);
  return shapes;
}

function encoderWeights({ folder, model }: ExtractorSource): Map<string, Float32Array> {
  const file = "quantization" in model.metadata ? dequantizeTensorFile(model) : model;
  return new Map([...encoderWeightShapes(folder.config)].map(([name, shape]) => [name, getFloat32(file, name, shape)]));
}

interface Tuned {
  readonly tf: Tf;
  readonly source: ExtractorSource;
  readonly classes: readonly string[];
  readonly selected: ReadonlyMap<string, Float32Array>;
}

/** (N, classes), logits. */
function predict({ tf, source, classes, selected }: Tuned, examples: readonly Example[]): Matrix {
  const { config, pooling } = source.folder;
  const shapes = [...shapesOf({ source, classes })];
  const parameters = new Map(shapes.map(([name, shape]) => [name, createParameter(shape, selected.get(name)!)]));
  const weights = createVariables(tf, parameters);
  try {
    const trained = { parameters, weights, task: taskName, examples };
    const logits = taskLogits({ tf, config, recipe: { pooling } }, trained);
    return createMatrix(examples.length, classes.length, logits);
  } finally {
    for (const variable of weights.values()) variable.dispose();
  }
}
