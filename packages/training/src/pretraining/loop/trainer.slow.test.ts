// A small encoder trains on a made-up task: it learns, repeats itself, resumes to the same weights, stops early,
// and is exported alike.

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import type { EncoderConfig } from "@attune/ml/encoder/config";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exportEncoder } from "../../checkpoints/export.js";
import { readExtractorFolder } from "../../checkpoints/extractor-files.js";
import { openBackend } from "../backend/backend.js";
import type { Tf } from "../backend/tensorflow.js";
import { assembleBatch, batchesPerEpoch, type Example, planEpoch, type TrainingTask } from "../data/batches.js";
import { type Recipe, recipes } from "../data/recipe.js";
import { checkpointName, loadCheckpoint } from "./checkpoint.js";
import { parityOf, parityTolerance } from "./parity.js";
import { type ProgressReport, type TrainerInput, train } from "./trainer.js";

const { stopAfterEpochs: _, ...tiny } = recipes.tiny;
const sizes = { hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 };
const recipe: Recipe = {
  ...tiny,
  ...sizes,
  maxTokens: 8,
  epochs: 4,
  patience: 10,
  batchSize: 8,
  learningRate: 0.02,
};
const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e"];

/** A sentence's class is its first word's parity; lengths differ. */
function examples(count: number, from: number): Example[] {
  return Array.from({ length: count }, (_, i) => {
    const n = i + from;
    const words = Array.from({ length: 1 + (n % 4) }, (_, j) => 5 + ((n * 7 + j * 3) % 5));
    const target = new Float32Array(2);
    target[words[0]! % 2] = 1;
    return { ids: Int32Array.of(2, ...words, 3), target };
  });
}

let tf: Tf;
let directory: string;
let input: TrainerInput;
beforeAll(async () => {
  ({ tf } = await openBackend("tfjs-wasm"));
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "attune-trainer-"));
  const tasks: TrainingTask[] = [
    { name: "first", classes: ["even", "odd"], examples: examples(44, 0) },
    { name: "second", classes: ["x", "y"], examples: examples(10, 100) },
  ];
  input = {
    tf,
    recipe,
    tasks,
    dev: examples(30, 1000),
    seed: 5,
    unknownId: 1,
    firstWordId: 5,
    fingerprint: "f",
    directory,
    config: {
      modelType: "bert",
      vocabSize: vocabulary.length,
      ...sizes,
      maxPositionEmbeddings: recipe.maxTokens,
      typeVocabSize: 2,
      layerNormEps: 1e-12,
      hiddenAct: "gelu",
      padTokenId: 0,
    },
  };
});
const directories = new Set<string>();
beforeEach(() => {
  directories.add(directory);
});
afterAll(() => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

function weightsAt(path: string) {
  const state = loadCheckpoint(path, "f");
  return new Map([...state!.parameters].map(([name, parameter]) => [name, parameter.values]));
}

function withoutTimes(evaluations: readonly { seconds: number }[]) {
  return evaluations.map((evaluation) => ({ ...evaluation, seconds: 0 }));
}

/** A config of the same sizes in another architecture. */
function configOf(modelType: EncoderConfig["modelType"], sizes: EncoderConfig): EncoderConfig {
  if (modelType === "bert") return { ...sizes, modelType };
  // RoBERTa needs one position more, because one is padding's.
  if (modelType === "roberta") return { ...sizes, modelType, maxPositionEmbeddings: sizes.maxPositionEmbeddings + 1 };
  return {
    ...sizes,
    modelType,
    hiddenAct: "relu",
    embeddingSize: 4,
    trigramInput: true,
    useBottleneck: true,
    intraBottleneckSize: 6,
    useBottleneckAttention: false,
    keyQuerySharedBottleneck: true,
    numFeedforwardNetworks: 2,
    normalizationType: "no_norm",
  };
}

describe("train", () => {
  test("learns, leaks no tensor and gives the same weights for the same seed", async () => {
    const before = tf.memory().numTensors;
    const first = await train(input);
    expect(tf.memory().numTensors).toBe(before);
    expect(first.evaluations.at(-1)!.trainLoss).toBeLessThan(first.evaluations[0]!.trainLoss);
    expect(first.evaluations[first.selectedEvaluation]!.devMetric).toBeGreaterThan(0.8);
    const { directory: _, ...inMemory } = input;
    const second = await train(inMemory);
    expect(second.selected).toEqual(first.selected);
    const third = await train({ ...inMemory, seed: 6 });
    expect(third.selected).not.toEqual(first.selected);
  });

  test("killed at any step, resumes from its checkpoint to the same weights as a run that was never stopped", async () => {
    const whole = await train(input);
    const expected = weightsAt(directory);
    // Copies the files of a process killed after each of these steps: the last whole checkpoint, and the
    // beginning of the next.
    const kills = new Map([2, 7, 20].map((step) => [step, mkdtempSync(join(tmpdir(), "attune-killed-"))]));
    const source = mkdtempSync(join(tmpdir(), "attune-source-"));
    for (const path of [source, ...kills.values()]) directories.add(path);
    let nowMs = 0;
    await train({
      ...input,
      directory: source,
      nowMs: () => nowMs,
      onProgress: ({ step }) => {
        // Each step takes a minute, so that a checkpoint follows each.
        nowMs += 60_000;
        const killed = kills.get(step - 1);
        if (killed === undefined) return;
        copyFileSync(join(source, checkpointName), join(killed, checkpointName));
        writeFileSync(join(killed, `${checkpointName}.${process.pid}.${threadId}.new`), "half");
      },
    });
    for (const [step, killed] of kills) {
      expect(loadCheckpoint(killed, "f")!.progress.step).toBe(step);
      const resumed = await train({ ...input, directory: killed, resume: true });
      expect(weightsAt(killed)).toEqual(expected);
      expect(resumed.selected).toEqual(whole.selected);
      expect(withoutTimes(resumed.evaluations)).toEqual(withoutTimes(whole.evaluations));
      expect(resumed.curve).toEqual(whole.curve);
    }
  });

  test("ends after the given epochs with the weights that the longer schedule had there", async () => {
    const state: { first?: Map<string, Float32Array> } = {};
    await train({
      ...input,
      onProgress: ({ step }) => {
        // One step into the second epoch: the checkpoint is the first epoch's.
        if (step === 9) state.first = weightsAt(directory);
      },
    });
    const stopped = await train({
      ...input,
      directory: `${directory}/short`,
      recipe: { ...recipe, stopAfterEpochs: 1 },
    });
    expect(stopped.evaluations).toHaveLength(1);
    expect(weightsAt(`${directory}/short`)).toEqual(state.first);
  });

  test("writes a checkpoint a minute, so that a kill before the first evaluation does not lose all", async () => {
    const saved: number[] = [];
    let nowMs = 0;
    await train({
      ...input,
      recipe: { ...recipe, stopAfterEpochs: 1 },
      nowMs: () => nowMs,
      onProgress: () => {
        nowMs += 25_000;
        if (existsSync(join(directory, checkpointName))) saved.push(loadCheckpoint(directory, "f")!.progress.step);
      },
    });
    expect(saved).toEqual([3, 3, 3, 6, 6]);
  });

  test("stops on its signal with a checkpoint", async () => {
    const stop = new AbortController();
    const stopped = await train({
      ...input,
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 3) stop.abort();
      },
    });
    expect(stopped.ending).toBeUndefined();
    expect(loadCheckpoint(directory, "f")!.progress.step).toBe(3);
  });

  test("states the time left of a resumed run at once, by the pace it had", async () => {
    const stop = new AbortController();
    await train({ ...input, signal: stop.signal, onProgress: ({ step }) => step === 5 && stop.abort() });
    const { seconds } = loadCheckpoint(directory, "f")!.progress;
    const reports: ProgressReport[] = [];
    await train({ ...input, resume: true, onProgress: (report) => reports.push(report) });
    const { step, steps, secondsLeft } = reports[0]!;
    expect(step).toBe(6);
    expect(secondsLeft).toBeCloseTo((seconds / 5) * (steps - 6), 9);
  });

  test("stops early when the dev metric no longer rises, and keeps the best epoch's weights", async () => {
    const outcome = await train({ ...input, recipe: { ...recipe, epochs: 40, patience: 2 } });
    const { evaluations, selectedEvaluation } = outcome;
    expect(outcome.ending).toBe("patience");
    expect(evaluations.length).toBeLessThan(40);
    expect(evaluations.length - 1 - selectedEvaluation).toBe(2);
    const best = Math.max(...evaluations.map(({ devMetric }) => devMetric));
    expect(evaluations[selectedEvaluation]!.devMetric).toBe(best);
  });

  test("refuses to resume another run's checkpoint, and sets a damaged one aside", async () => {
    await train({ ...input, recipe: { ...recipe, epochs: 1 } });
    await expect(train({ ...input, resume: true, fingerprint: "g" })).rejects.toThrow(
      /other data, recipe, seed or starting point/,
    );
    const path = join(directory, checkpointName);
    writeFileSync(path, readFileSync(path).subarray(0, 1000));
    const error = await train({ ...input, resume: true }).catch((caught: unknown) => caught);
    expect((error as AppError).code).toBe("STORE_CORRUPT");
    expect(error).toBeInstanceOf(AppError);
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  test("says so when the loss is no longer a number", async () => {
    const steep = { ...input, recipe: { ...recipe, learningRate: 1e30, epochs: 20 } };
    await expect(train(steep)).rejects.toThrow(/step \d+: the loss is NaN; lower/);
    await expect(train(steep)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    // Evaluated after the first step, whose loss is that of the weights before it.
    const evaluated = { ...steep, recipe: { ...steep.recipe, stopAfterEpochs: 0.01 } };
    await expect(train(evaluated)).rejects.toThrow(/dev rows have scores that are not numbers; lower/);
  });

  test.each([
    ["bert", "cls"],
    ["bert", "mean"],
    ["bert", "mean-max"],
    ["roberta", "mean"],
    ["mobilebert", "mean-max"],
  ] as const)(
    "is exported so that the reference engine gives the same features (%s, %s)",
    async (modelType, pooling) => {
      const config = configOf(modelType, input.config);
      const pooled = { ...input, config, recipe: { ...recipe, pooling, epochs: 2 } };
      const { selected: best, evaluations } = await train(pooled);
      expect(evaluations[1]!.trainLoss).toBeLessThan(evaluations[0]!.trainLoss);
      const tokenizerJson = wordPieceTokenizerJson(vocabulary, { lowercase: true });
      exportEncoder({ directory, config, pooling, maxTokens: 8, tokenizerJson, weights: best });
      const exported = readExtractorFolder(directory);
      expect(exported).toMatchObject({ pooling, maxTokens: 8, config });
      const encoder = referenceEngine.createEncoder(exported.config, exported.model);
      expect(parityOf(pooled, { weights: best, encoder, examples: input.dev })).toBeLessThan(parityTolerance);
      best.get("encoder.layer.1.output.LayerNorm.bias")![3]! += 0.01;
      expect(parityOf(pooled, { weights: best, encoder, examples: input.dev })).toBeGreaterThan(parityTolerance);
    },
  );
});

describe("planEpoch", () => {
  test("uses every example once, with batches of one task each, differently in every epoch", () => {
    const plans = planEpoch(input.tasks, { batchSize: 8, seed: 1, epoch: 0 });
    expect(plans).toHaveLength(batchesPerEpoch(input.tasks, 8));
    const used = plans.flatMap(({ task, indices }) => Array.from(indices, (index) => `${task}:${index}`));
    expect(new Set(used).size).toBe(54);
    expect(used).toHaveLength(54);
    expect(planEpoch(input.tasks, { batchSize: 8, seed: 1, epoch: 0 })).toEqual(plans);
    expect(planEpoch(input.tasks, { batchSize: 8, seed: 1, epoch: 1 })).not.toEqual(plans);
  });
});

describe("assembleBatch", () => {
  test("pads to the longest and points every token at its row of the batch's words", () => {
    const target = Float32Array.of(0, 1);
    const batch = assembleBatch([
      { ids: Int32Array.of(2, 9, 3), target },
      { ids: Int32Array.of(2, 3), target },
    ]);
    expect([...batch.ids]).toEqual([0, 2, 3, 9]);
    expect(Array.from(batch.rowOfToken, (row) => batch.ids[row])).toEqual([2, 9, 3, 2, 3, 0]);
    expect([...batch.mask]).toEqual([1, 1, 1, 1, 1, 0]);
    expect([...batch.targets]).toEqual([0, 1, 0, 1]);
  });
});
