// Distillation: the logits of a larger fine-tuned extractor's heads for every training text, computed once and kept
// in the run folder.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { getFloat32, parseSafetensors, serializeSafetensors, type Tensor } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import {
  type ExtractionProgress,
  type ExtractorFolder,
  readExtractorFolder,
} from "../../checkpoints/extractor-files.js";
import type { Tf } from "../backend/tensorflow.js";
import { createVariables, taskLogits } from "./inference.js";
import { createParameter, type Parameter } from "./optimizer.js";

const headsName = "heads.safetensors";
export const teacherLogitsName = "teacher-logits.safetensors";

interface TaskClasses {
  readonly name: string;
  readonly classes: readonly string[];
}

/** Writes the heads beside a run's encoder, so that the run can teach another one. `weights` may hold more. */
export function writeHeads(
  directory: string,
  tasks: readonly TaskClasses[],
  weights: ReadonlyMap<string, Float32Array>,
): void {
  const tensors = new Map<string, Tensor>();
  for (const { name, classes } of tasks) {
    const [weight, bias] = [weights.get(`head.${name}.weight`)!, weights.get(`head.${name}.bias`)!];
    const width = weight.length / classes.length;
    tensors.set(`head.${name}.weight`, { dtype: "F32", shape: [classes.length, width], data: weight });
    tensors.set(`head.${name}.bias`, { dtype: "F32", shape: [classes.length], data: bias });
  }
  const metadata = { tasks: JSON.stringify(Object.fromEntries(tasks.map(({ name, classes }) => [name, classes]))) };
  writeFileDurablySync(join(directory, headsName), serializeSafetensors({ tensors, metadata }));
}

export interface Teacher {
  readonly folder: ExtractorFolder;
  readonly heads: ReadonlyMap<string, Parameter>;
  /** The digest of everything that the logits depend on. */
  readonly digest: string;
}

/** Opens a run folder. Throws INVALID_INPUT if a task has no head in it, or a head with other classes. */
export function openTeacher(directory: string, tasks: readonly TaskClasses[]): Teacher {
  const folder = readExtractorFolder(directory);
  const path = join(directory, headsName);
  if (!isPresentSync(path)) {
    throw new AppError(
      "INVALID_INPUT",
      `--teacher: ${path} is missing; a teacher is a finished run of attune pretrain`,
    );
  }
  const bytes = new Uint8Array(readFileSync(path));
  const file = parseSafetensors(bytes);
  const taught = JSON.parse(file.metadata.tasks ?? "{}") as Record<string, string[]>;
  for (const { name, classes } of tasks) {
    if (taught[name]?.join("\n") !== classes.join("\n")) {
      throw new AppError(
        "INVALID_INPUT",
        `--teacher: ${path} holds no head for ${name} with this run's ${classes.length} classes`,
      );
    }
  }
  const heads = new Map<string, Parameter>();
  for (const [name, { shape }] of file.tensors) heads.set(name, createParameter(shape, getFloat32(file, name, shape)));
  const model = readFileSync(join(directory, "model.safetensors"));
  return {
    folder,
    heads,
    digest: sha256(sha256(model), sha256(bytes), sha256(folder.tokenizerJson), folder.configJson),
  };
}

interface TaughtTexts {
  readonly task: string;
  readonly texts: readonly string[];
}

interface TeachingInput {
  readonly tf: Tf;
  readonly teacher: Teacher;
  readonly tasks: readonly TaughtTexts[];
  /** The run folder, where the logits are kept. */
  readonly directory: string;
  /** Changes with the texts. */
  readonly dataDigest: string;
  readonly report?: ((progress: ExtractionProgress) => void) | undefined;
}

/**
 * By task: (N * C), row-major. Logits of an earlier start are read from the run folder, so that a resumed run
 * uses the same ones.
 */
export function teacherLogits(input: TeachingInput): Map<string, Float32Array> {
  const { directory, teacher, dataDigest } = input;
  const key = sha256(teacher.digest, dataDigest);
  const path = join(directory, teacherLogitsName);
  if (isPresentSync(path)) {
    const file = parseSafetensors(new Uint8Array(readFileSync(path)));
    if (file.metadata.key === key) {
      return new Map([...file.tensors].map(([name, { shape }]) => [name, getFloat32(file, name, shape).slice()]));
    }
  }
  const logits = computeLogits(input);
  const tensors = new Map<string, Tensor>(
    [...logits].map(([name, data]) => [name, { dtype: "F32", shape: [data.length], data }]),
  );
  writeFileDurablySync(path, serializeSafetensors({ tensors, metadata: { key } }));
  return logits;
}

function computeLogits({ tf, teacher, tasks, report }: TeachingInput): Map<string, Float32Array> {
  const { config, model, pooling, maxTokens, tokenizerJson } = teacher.folder;
  const parameters = new Map(teacher.heads);
  for (const [name, shape] of encoderWeightShapes(config)) {
    parameters.set(name, createParameter(shape, getFloat32(model, name, shape)));
  }
  const tokenizer = createTokenizer(tokenizerJson);
  const weights = createVariables(tf, parameters);
  const logits = new Map<string, Float32Array>();
  try {
    for (const { task, texts } of tasks) {
      const examples = texts.map((text) => ({ ids: tokenizer.encode(text, { maxTokens }).ids, target: noTarget }));
      const onBatch = (done: number) => report?.({ what: `the teacher reads ${task}`, done, total: examples.length });
      logits.set(
        task,
        taskLogits({ tf, config, recipe: { pooling } }, { parameters, weights, task, examples, onBatch }),
      );
    }
  } finally {
    for (const variable of weights.values()) variable.dispose();
  }
  return logits;
}

const noTarget = new Float32Array(0);
