// From datasets to a run folder: examples, vocabulary, training, export, parity check and the run's record.

import { join } from "node:path";
import type { EncoderConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import type { Tokenizer } from "@attune/ml/tokenizer/tokenizer";
import { emoryLabels, loadEmoryNlp } from "../datasets/emorynlp.js";
import { type GoEmotionsRow, loadGoEmotions } from "../datasets/goemotions.js";
import { openBackend } from "./backend.js";
import type { Example, TrainingTask } from "./batches.js";
import { type EpochRecord, writeDurably } from "./checkpoint.js";
import { checkParity, exportEncoder, sha256 } from "./export.js";
import { readExtractorFolder } from "./extractor-files.js";
import { createParameter } from "./optimizer.js";
import type { Recipe } from "./recipe.js";
import { createVariables, forwardFeatures, type ProgressReport, train } from "./trainer.js";
import { pruneVocabulary, tokenizerOf } from "./vocabulary.js";

export interface PretrainInput {
  readonly dataDirectory: string;
  /** EmoryNLP: a second task beside the first. */
  readonly extraPath?: string | undefined;
  /** The lines of the uncased vocab.txt to start from. */
  readonly vocabulary: readonly string[];
  readonly recipeName: string;
  readonly recipe: Recipe;
  readonly out: string;
  readonly seed: number;
  readonly resume: boolean;
  readonly onProgress?: (progress: ProgressReport) => void;
  readonly signal?: AbortSignal;
}

/** run.json: what was trained on what, how, and what it cost. Data are named by digest, never by their text. */
export interface RunRecord {
  readonly version: 1;
  readonly fingerprint: string;
  readonly recipeName: string;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly backend: string;
  readonly node: string;
  readonly data: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
  readonly vocabularySize: number;
  readonly parameters: number;
  readonly epochs: readonly EpochRecord[];
  readonly bestEpoch: number;
  readonly trainingSeconds: number;
  /** Largest difference of a feature between the training graph and the reference engine on the exported files. */
  readonly parity: number;
}

/** undefined when `signal` stopped it; `resume` then goes on from its checkpoint. */
export async function pretrain(input: PretrainInput): Promise<RunRecord | undefined> {
  const { recipe, seed, out } = input;
  const goEmotions = loadGoEmotions(input.dataDirectory);
  const emory = input.extraPath === undefined ? [] : loadEmoryNlp(input.extraPath);
  const data = [
    describe("goemotions/train", goEmotions.train),
    describe("goemotions/dev", goEmotions.dev),
    ...(emory.length > 0 ? [describe("emorynlp", emory)] : []),
  ];
  const texts = [...goEmotions.train, ...emory].map((row) => row.text);
  const vocabulary = pruneVocabulary(input.vocabulary, texts, recipe.minimumPieceCount);
  const tokenizer = tokenizerOf(vocabulary);
  const fingerprint = sha256(JSON.stringify({ data, recipe, seed, vocabulary: sha256(vocabulary.join("\n")) }));

  const encode = (row: GoEmotionsRow): Example => ({
    ids: encodeText(tokenizer, row.text, recipe),
    target: distribution(row.labelIds, goEmotions.labelNames.length),
  });
  const tasks: TrainingTask[] = [
    { name: "goemotions", classes: goEmotions.labelNames, examples: goEmotions.train.map(encode) },
  ];
  if (emory.length > 0) {
    const examples = emory.map((row) => ({
      ids: encodeText(tokenizer, row.text, recipe),
      target: distribution([emoryLabels.indexOf(row.emoryLabel)], emoryLabels.length),
    }));
    tasks.push({ name: "emorynlp", classes: emoryLabels, examples });
  }
  for (const task of tasks) weighClasses(task, recipe);

  const { name: backend, tf } = await openBackend();
  const config = encoderConfig(recipe, vocabulary.length);
  const trainerInput = {
    ...{ tf, config, recipe, tasks, seed, fingerprint },
    dev: goEmotions.dev.map(encode),
    unknownId: vocabulary.indexOf("[UNK]"),
    firstWordId: 5,
    directory: out,
    resume: input.resume,
    ...(input.onProgress ? { onProgress: input.onProgress } : {}),
    ...(input.signal ? { signal: input.signal } : {}),
  };
  const result = await train(trainerInput);
  if (!result.finished) return undefined;

  const { pooling, maxTokens } = recipe;
  exportEncoder({
    directory: out,
    config,
    pooling,
    maxTokens,
    tokenizerJson: tokenizer.digestSource,
    weights: result.best,
  });
  const exported = readExtractorFolder(out);
  const encoder = referenceEngine.createEncoder(exported.config, exported.model);
  const parity = checkParity({ encoder, pooling, samples: parityExamples(trainerInput, result.best) });
  const record: RunRecord = {
    version: 1,
    fingerprint,
    recipeName: input.recipeName,
    recipe,
    seed,
    backend,
    node: process.version,
    data,
    vocabularySize: vocabulary.length,
    parameters: [...result.best].reduce((sum, [name, { length }]) => sum + (name.startsWith("head.") ? 0 : length), 0),
    epochs: result.epochs,
    bestEpoch: result.bestEpoch,
    trainingSeconds: Math.round(result.seconds),
    parity,
  };
  writeDurably(join(out, "run.json"), new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`));
  return record;
}

function describe(name: string, rows: readonly { text: string; label: string }[]) {
  return { name, rows: rows.length, sha256: sha256(...rows.map(({ text, label }) => `${label}\t${text}\n`)) };
}

function encodeText(tokenizer: Tokenizer, text: string, { maxTokens }: Recipe): Int32Array {
  return tokenizer.encode(text, { maxTokens }).ids;
}

/** Several labels share a row equally. */
function distribution(ids: readonly number[], classes: number): Float32Array {
  const target = new Float32Array(classes);
  for (const id of ids) target[id]! += 1 / ids.length;
  return target;
}

/** Scales targets, so that the loss counts rare classes more; the scales average one over the rows. */
function weighClasses({ examples, classes }: TrainingTask, recipe: Recipe): void {
  if (recipe.classWeights === "none") return;
  const mass = new Float64Array(classes.length);
  for (const { target } of examples) for (const [c, share] of target.entries()) mass[c]! += share;
  const raw = mass.map((value) => (value > 0 ? 1 / Math.sqrt(value) : 0));
  const total = mass.reduce((sum, value, c) => sum + value * raw[c]!, 0);
  for (const { target } of examples) {
    for (let c = 0; c < target.length; c++) target[c]! *= (raw[c]! * examples.length) / total;
  }
}

function encoderConfig(recipe: Recipe, vocabSize: number): EncoderConfig {
  return {
    modelType: "bert",
    vocabSize,
    hiddenSize: recipe.hiddenSize,
    numHiddenLayers: recipe.numHiddenLayers,
    numAttentionHeads: recipe.numAttentionHeads,
    intermediateSize: recipe.intermediateSize,
    // Positions beyond maxTokens would never be trained.
    maxPositionEmbeddings: recipe.maxTokens,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
  };
}

function parityExamples(
  input: Parameters<typeof train>[0],
  best: ReadonlyMap<string, Float32Array>,
): { ids: Int32Array; expected: Float32Array }[] {
  const parameters = new Map(
    [...encoderWeightShapes(input.config)].map(([name, shape]) => [name, createParameter(shape, best.get(name)!)]),
  );
  const weights = createVariables(input.tf, parameters);
  // Of different lengths and in one batch, so that masks are compared too.
  const examples = input.dev.slice(0, 16);
  const features = forwardFeatures(input, { parameters, weights, examples });
  for (const variable of weights.values()) variable.dispose();
  const size = features.length / examples.length;
  return examples.map(({ ids }, i) => ({ ids, expected: features.subarray(i * size, (i + 1) * size) }));
}
