// From datasets to a run folder: examples, starting point, training, export, parity check and the run's record.

import { join } from "node:path";
import type { EncoderConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { sha256 } from "@attune/platform/sha256";
import { utf8 } from "@attune/shared/encoding";
import { encoderFile, exportEncoder } from "../../checkpoints/export.js";
import { type ExtractorFolder, readExtractorFolder } from "../../checkpoints/extractor-files.js";
import { openBackend } from "../backend/backend.js";
import type { Tf } from "../backend/tensorflow.js";
import { balanceClasses, type Example, type TrainingTask } from "../data/batches.js";
import { goalOf } from "../loop/ending.js";
import { parityOf, refuseSteepness, steepnessText } from "../loop/parity.js";
import { teacherLogits, writeHeads } from "../loop/teacher.js";
import { type Curves, type TrainingOutcome, train } from "../loop/trainer.js";
import { curvesSvg } from "./curves.js";
import { type PretrainInput, type RunInputs, readInputs } from "./inputs.js";
import { type RunRecord, runRecordName } from "./run-record.js";
import { randomWeights, wordIds } from "./starting-point.js";

/** The checked inputs, and the backend that computes. */
interface Run extends RunInputs {
  readonly input: PretrainInput;
  readonly tf: Tf;
  readonly backend: string;
  readonly dev: readonly Example[];
}

/** undefined if `signal` stopped the run; with `resume` the next call continues from its checkpoint. */
export async function pretrain(input: PretrainInput): Promise<RunRecord | undefined> {
  const inputs = readInputs(input);
  const { name: backend, tf } = await openBackend();
  const run: Run = { ...inputs, input, tf, backend, dev: inputs.dataset.dev.map(inputs.encode) };
  refuseSteepStart(run);
  const tasks = trainingTasks(run);
  const drawCurves = curveWriter(run);
  const { config, tokenizerJson, weights } = run.start;
  const outcome = await train({
    tf,
    config,
    recipe: input.recipe.recipe,
    tasks,
    seed: input.seed,
    fingerprint: run.fingerprint,
    ...wordIds(tokenizerJson),
    dev: run.dev,
    directory: input.out,
    resume: input.resume,
    onEvaluation: drawCurves,
    ...(weights ? { initial: weights } : {}),
    ...(run.reference ? { referenceMetric: run.reference.devMetric } : {}),
    ...(input.onProgress ? { onProgress: input.onProgress } : {}),
    ...(input.signal ? { signal: input.signal } : {}),
  });
  if (outcome.ending === undefined) return undefined;
  exportRun(run, tasks, outcome);
  drawCurves(outcome);
  const record = recordOf(run, outcome, exportedParity(run, outcome));
  writeFileDurablySync(join(input.out, runRecordName), utf8(`${JSON.stringify(record, null, 2)}\n`));
  return record;
}

/** Checked before hours of training; afterwards only the weights differ. */
function refuseSteepStart(run: Run): void {
  const { config, weights } = run.start;
  const initial = weights ?? randomWeights(config, run.input.seed);
  refuseSteepness(parityWith(run, initial, { config, model: encoderFile(config, initial) }));
}

function parityWith(
  { tf, start, input, dev }: Run,
  weights: ReadonlyMap<string, Float32Array>,
  { config, model }: Pick<ExtractorFolder, "config" | "model">,
): number {
  const encoder = referenceEngine.createEncoder(config, model);
  const encoding = { tf, config: start.config, recipe: input.recipe.recipe };
  return parityOf(encoding, { weights, encoder, examples: dev.slice(0, 16) });
}

/** The examples of each task, with the teacher's logits where there is a teacher. */
function trainingTasks(run: Run): TrainingTask[] {
  const logits = logitsOf(run);
  const tasks = run.dataset.tasks.map(({ name, classes, rows }) => {
    const given = logits?.get(name);
    const examples = rows.map(run.encode).map((example, i) => {
      if (given === undefined) return example;
      return { ...example, teacherLogits: given.subarray(i * classes.length, (i + 1) * classes.length) };
    });
    return { name, classes, examples };
  });
  if (run.input.recipe.recipe.classWeights === "balanced") for (const task of tasks) balanceClasses(task);
  return tasks;
}

function logitsOf({ tf, teaching, dataset, input }: Run): ReadonlyMap<string, Float32Array> | undefined {
  if (teaching === undefined) return undefined;
  return teacherLogits({
    tf,
    teacher: teaching.teacher,
    directory: input.out,
    dataDigest: sha256(JSON.stringify(dataset.digests)),
    tasks: dataset.tasks.map(({ name, rows }) => ({ task: name, texts: rows.map(({ text }) => text) })),
    report: input.onTeaching,
  });
}

function curveWriter({ input, reference }: Run): (curves: Curves) => void {
  const goal = goalOf(input.recipe.recipe, reference?.devMetric);
  return (curves) => writeFileDurablySync(join(input.out, "curves.svg"), utf8(curvesSvg(curves, goal)));
}

function exportRun({ start, input }: Run, tasks: readonly TrainingTask[], { selected }: TrainingOutcome): void {
  const { pooling, maxTokens } = input.recipe.recipe;
  const { config, tokenizerJson } = start;
  exportEncoder({ directory: input.out, config, pooling, maxTokens, tokenizerJson, weights: selected });
  writeHeads(input.out, tasks, selected);
}

/** The parity of the exported files, as a reader opens them. */
function exportedParity(run: Run, { selected }: TrainingOutcome): number {
  const parity = parityWith(run, selected, readExtractorFolder(run.input.out));
  const steepness = steepnessText(parity);
  if (steepness !== undefined) run.input.onWarning?.(steepness);
  return parity;
}

function recordOf(run: Run, outcome: TrainingOutcome, parity: number): RunRecord {
  const { dataset, start, teaching, reference, fingerprint, backend, input } = run;
  const { config, provenance } = start;
  const { name: recipeName, recipe } = input.recipe;
  return {
    version: 2,
    fingerprint,
    recipeName,
    recipe,
    seed: input.seed,
    backend,
    node: process.version,
    data: dataset.digests,
    tasks: dataset.records,
    ...(provenance ? { checkpoint: provenance } : {}),
    ...(teaching ? { teacher: teaching.record } : {}),
    ...(reference ? { reference } : {}),
    modelType: config.modelType,
    numHiddenLayers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    numAttentionHeads: config.numAttentionHeads,
    intermediateSize: config.intermediateSize,
    vocabularySize: config.vocabSize,
    parameters: parametersOf(config),
    curve: outcome.curve,
    evaluations: outcome.evaluations,
    selectedEvaluation: outcome.selectedEvaluation,
    trainingSeconds: Math.round(outcome.seconds),
    ...(outcome.ending ? { ending: outcome.ending } : {}),
    parity,
  };
}

function parametersOf(config: EncoderConfig): number {
  const sizes = [...encoderWeightShapes(config).values()].map((shape) =>
    shape.reduce((product, size) => product * size, 1),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
