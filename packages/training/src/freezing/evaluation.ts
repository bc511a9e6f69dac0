// Measures frozen features: a linear head on MELD's train split, weighted F1 on its dev split,
// beside baselines for comparison.

import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import type { Engine } from "@attune/ml/engine/engine";
import { fitDimensionalityReduction, loadDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearHead, loadLinear, toOptimum } from "@attune/ml/heads/linear";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import type { ClassWeights } from "@attune/ml/heads/softmax";
import { weightedF1 } from "@attune/ml/metrics/classification";
import { type Matrix, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tensor, TensorFile } from "@attune/ml/tensor/safetensors";
import { type ExtractionProgress, type ExtractorFolder, openExtractor } from "../checkpoints/extractor-files.js";
import { emotionLabels } from "../datasets/emotions.js";
import { type Meld, meldMainSpeakers } from "../datasets/meld.js";
import { stratifiedSplit } from "../datasets/split.js";
import type { LabelledRow } from "../datasets/table.js";
import { initialValues } from "../pretraining/graphs/encoder.js";
import { bagOfWordsPredictions } from "./bag-of-words.js";
import { headF1, labelsOf } from "./freeze.js";

interface EvaluationInput {
  readonly engine: Engine;
  /** The run's folder, with float32 weights. */
  readonly run: ExtractorFolder;
  /** The frozen folder, with int8 weights, DR and prior head. */
  readonly frozen: ExtractorFolder & { readonly reduction: TensorFile; readonly priorHead: TensorFile };
  readonly meld: Pick<Meld, "train" | "dev">;
  readonly seed: number;
  readonly report: (progress: ExtractionProgress) => void;
}

/** Weighted F1 on MELD's dev split. */
export interface Evaluation {
  /** Absent from older records. */
  readonly devRows?: number;
  readonly alwaysNeutral: number;
  readonly bagOfWords: number;
  /** The same encoder with the weights that it had before training. */
  readonly randomFeatures: number;
  readonly float32Features: number;
  readonly int8Features: number;
  /** The same with class weights, which are chosen as the l2 is. */
  readonly int8ClassWeights: number;
  /** The head that a release ships; it is not trained on MELD at all. */
  readonly priorHead: number;
  readonly people: readonly PersonScore[];
}

interface PersonScore {
  readonly person: string;
  readonly trainRows: number;
  readonly devRows: number;
  readonly f1Prior: number;
  /** Prior and personal head; the prior's strength is chosen on the person's own train rows. */
  readonly f1Personal: number;
}

/** Strengths for a linear head at its optimum, per row: the paper's range without 0. */
export const l2Candidates = [0.001, 0.003, 0.01, 0.03] as const;
/**
 * Class weights to choose from: weighted F1 counts each emotion by its rows, and training without class weights is
 * not best for it.
 */
export const classWeightCandidates = [
  "none",
  "mild",
  "tempered",
  "balanced",
] as const satisfies readonly ClassWeights[];

export interface LinearSetting {
  readonly l2: number;
  readonly classWeights: ClassWeights;
}

/** Every l2 with each of the class weights. */
export function linearSettings(strengths: readonly number[], weightings: readonly ClassWeights[]): LinearSetting[] {
  return weightings.flatMap((classWeights) => strengths.map((l2) => ({ l2, classWeights })));
}

export function evaluateExtractor(input: EvaluationInput): Evaluation {
  const { frozen, meld, seed } = input;
  const { heads: kernels } = input.engine;
  const classes = emotionLabels.length;
  const truth = labelsOf(meld.dev);
  const reduction = loadDimensionalityReduction(frozen.reduction);
  const prior = loadLinear(frozen.priorHead);
  const features = (what: string, model: TensorFile) => splitFeatures(input, what, model);
  const scored = (pooled: Split, scale = reduction) =>
    linearF1({ train: scale.apply(pooled.train), dev: scale.apply(pooled.dev) }, ["none"], { meld, seed, kernels });

  const random = features("random features", randomModel(frozen, seed));
  const float32 = features("float32 features", input.run.model);
  const int8 = features("int8 features", frozen.model);
  const reduced = { train: reduction.apply(int8.train), dev: reduction.apply(int8.dev) };
  const texts = { texts: meld.train.map((row) => row.text), labels: labelsOf(meld.train) };
  const words = bagOfWordsPredictions(
    texts,
    meld.dev.map((row) => row.text),
    classes,
  );
  return {
    devRows: meld.dev.length,
    alwaysNeutral: weightedF1(truth, new Int32Array(truth.length), classes),
    bagOfWords: weightedF1(truth, words, classes),
    randomFeatures: scored(random, fitDimensionalityReduction(random.train)),
    float32Features: scored(float32),
    int8Features: scored(int8),
    int8ClassWeights: linearF1(reduced, classWeightCandidates, { meld, seed, kernels }),
    priorHead: headF1(prior, reduced.dev, truth),
    people: meldMainSpeakers.map((person) => personScore(person, { reduced, prior, meld, seed, kernels })),
  };
}

interface Split {
  readonly train: Matrix;
  readonly dev: Matrix;
}

/** The inputs of every score. */
interface Scoring extends Pick<EvaluationInput, "meld" | "seed"> {
  readonly kernels: HeadKernels;
}

function splitFeatures({ engine, frozen, meld, report }: EvaluationInput, what: string, model: TensorFile): Split {
  const extractor = openExtractor(engine, frozen, model);
  const extract = (split: "train" | "dev") =>
    extractor.extractAll(
      meld[split].map(({ text }) => text),
      (done, total) => report({ what: `${what}, MELD ${split}`, done, total }),
    );
  return { train: extract("train"), dev: extract("dev") };
}

function randomModel({ config }: ExtractorFolder, seed: number): TensorFile {
  const random = createRandom(seed);
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of encoderWeightShapes(config)) {
    tensors.set(name, { dtype: "F32", shape, data: initialValues(name, shape, random) });
  }
  return { tensors, metadata: {} };
}

/** Chooses the l2 and the class weights on a fifth of the train split; the dev split is used once. */
function linearF1(features: Split, weightings: readonly ClassWeights[], { meld, seed, kernels }: Scoring): number {
  const indexed = meld.train.map((row, index) => ({ ...row, index }));
  const { kept, held } = stratifiedSplit(indexed, 0.2, createRandom(seed));
  const part = (rows: typeof indexed) => ({
    features: selectRows(
      features.train,
      rows.map(({ index }) => index),
    ),
    labels: labelsOf(rows),
  });
  const [fit, check] = [part(kept), part(held)];
  const settings = linearSettings(l2Candidates, weightings);
  const linear = (examples: typeof fit, setting: LinearSetting) =>
    fitLinear({
      ...examples,
      identity: { features: "an evaluation", classes: [...emotionLabels] },
      recipe: { ...toOptimum, ...setting },
      random: createRandom(1),
      kernels,
    });
  const scores = settings.map((setting) => headF1(linear(fit, setting), check.features, check.labels));
  const chosen = settings[scores.indexOf(Math.max(...scores))]!;
  const head = linear({ features: features.train, labels: labelsOf(meld.train) }, chosen);
  return headF1(head, features.dev, labelsOf(meld.dev));
}

interface PersonInput extends Scoring {
  readonly reduced: Split;
  readonly prior: LinearHead;
}

function personScore(person: string, { reduced, prior, meld, seed, kernels }: PersonInput): PersonScore {
  const own = (rows: readonly LabelledRow[], features: Matrix) => {
    const indices = [...rows.keys()].filter((i) => rows[i]!.speaker === person);
    return { features: selectRows(features, indices), labels: labelsOf(indices.map((i) => rows[i]!)) };
  };
  const train = { ...own(meld.train, reduced.train), identity: prior.identity };
  const dev = own(meld.dev, reduced.dev);
  const { recipe } = selectPriorStrength({ ...train, prior, random: createRandom(seed), kernels });
  const head = fitLinear({ ...train, recipe, prior, random: createRandom(seed), kernels });
  return {
    person,
    trainRows: train.labels.length,
    devRows: dev.labels.length,
    f1Prior: headF1(prior, dev.features, dev.labels),
    f1Personal: headF1(head, dev.features, dev.labels),
  };
}
