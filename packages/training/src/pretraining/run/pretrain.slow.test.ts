// A tiny random checkpoint is fine-tuned on a made-up dataset: the kept layers, distillation, resumption, early
// stopping and the run's record.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EncoderConfig, encoderConfigJson } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { createRandom } from "@attune/ml/tensor/random";
import { getFloat32, serializeSafetensors, type Tensor } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeRobertaCheckpoint } from "../../../../../test/golden/roberta-checkpoint.js";
import { readCheckpointFolder } from "../../checkpoints/checkpoint-import.js";
import { encoderFile } from "../../checkpoints/export.js";
import { readExtractorFolder } from "../../checkpoints/extractor-files.js";
import { emotionLabels } from "../../datasets/emotions.js";
import { cardOf } from "../../freezing/card.js";
import { chooseRecipe, recipeByName } from "../data/recipe.js";
import { initialValues } from "../graphs/encoder.js";
import { endingText } from "../loop/ending.js";
import { teacherLogitsName } from "../loop/teacher.js";
import type { PretrainInput } from "./inputs.js";
import { pretrain } from "./pretrain.js";
import type { RunRecord } from "./run-record.js";
import { randomWeights, startFromCheckpoint, startFromRandom } from "./starting-point.js";

const directory = mkdtempSync(join(tmpdir(), "attune-pretrain-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...names: string[]) => join(directory, ...names);
const words = ["plain", "great", "whoa", "grr", "alas", "yuck", "eek"];
const letters = [..."abcdefghijklmnopqrstuvwxyz"];
// Special tokens are not first, as in BERT's own vocabulary.
const vocabulary = [
  "[PAD]",
  "[unused0]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  ...letters,
  ...letters.map((c) => `##${c}`),
  "so",
  "unused",
  "я",
  ...words,
];
const config: EncoderConfig = {
  modelType: "bert",
  vocabSize: vocabulary.length,
  hiddenSize: 8,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 40,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: "gelu",
  padTokenId: 0,
};
const overrides = [
  "maxTokens=12",
  "vocabularySize=65",
  "epochs=2",
  "batchSize=8",
  "learningRate=0.01",
  "headLearningRate=0.03",
];

beforeAll(() => {
  for (const name of ["data", "other", "checkpoint"]) mkdirSync(at(name));
  const tsv = (count: number) =>
    Array.from({ length: count }, (_, i) => `so ${words[i % 7]} ${words[i % 5]}\t${i % 7}\tid${i}\n`).join("");
  for (const name of ["data", "other"]) {
    writeFileSync(at(name, "labels.txt"), emotionLabels.join("\n"));
    writeFileSync(at(name, "train.tsv"), tsv(name === "data" ? 70 : 60));
    writeFileSync(at(name, "dev.tsv"), tsv(14));
  }
  const random = createRandom(7);
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of encoderWeightShapes(config)) {
    tensors.set(`bert.${name}`, { dtype: "F32", shape, data: initialValues(name, shape, random) });
  }
  tensors.set("bert.pooler.dense.weight", { dtype: "F32", shape: [8, 8], data: new Float32Array(64) });
  writeFileSync(at("checkpoint", "model.safetensors"), serializeSafetensors({ tensors, metadata: { format: "pt" } }));
  writeFileSync(at("checkpoint", "config.json"), encoderConfigJson(config));
  writeFileSync(at("checkpoint", "vocab.txt"), vocabulary.join("\n"));
  writeFileSync(at("checkpoint", "README.md"), "---\nlanguage: en\nlicense: apache-2.0\n---\nA model.\n");
});

const open = () => ({ ...readCheckpointFolder(at("checkpoint")), source: "checkpoint" });

function inputOf(out: string, more: readonly string[] = []): PretrainInput {
  const recipe = chooseRecipe("fine-tuned-2", [...overrides, ...more]);
  return { dataDirectory: at("data"), from: open(), recipe, out: at(out), seed: 1, resume: false };
}

const weightsOf = (name: string) => readFileSync(at(name, "model.safetensors"));
const recordOf = (name: string) => JSON.parse(readFileSync(at(name, "run.json"), "utf8")) as RunRecord;

describe("startFromCheckpoint", () => {
  test("keeps the first layers, the first positions and the rows of the pieces that are kept", () => {
    const checkpoint = open();
    const { recipe } = chooseRecipe("fine-tuned-2", overrides);
    const start = startFromCheckpoint(checkpoint, { recipe, texts: ["so great", "so plain whoa"] });
    expect(start.config).toMatchObject({
      numHiddenLayers: 2,
      maxPositionEmbeddings: 12,
      vocabSize: start.config.vocabSize,
    });
    const names = [...start.weights!.keys()];
    expect(names).toEqual([...encoderWeightShapes(start.config).keys()]);
    const whole = (name: string) => getFloat32(checkpoint.model, name, encoderWeightShapes(config).get(name)!);
    const query = "encoder.layer.1.attention.self.query.weight";
    expect(start.weights!.get(query)).toEqual(whole(query));
    const positions = "embeddings.position_embeddings.weight";
    expect(start.weights!.get(positions)).toEqual(whole(positions).slice(0, 12 * 8));
    const rows = whole("embeddings.word_embeddings.weight");
    const kept = start.weights!.get("embeddings.word_embeddings.weight")!;
    const ids = createTokenizer(start.tokenizerJson).encode("so great").ids;
    const former = createTokenizer(checkpoint.tokenizerJson).encode("so great").ids;
    expect(ids).toHaveLength(4);
    for (const [i, id] of ids.entries()) {
      expect(kept.slice(id * 8, id * 8 + 8)).toEqual(rows.slice(former[i]! * 8, former[i]! * 8 + 8));
    }
  });

  test("refuses what the checkpoint does not have, naming the field", () => {
    const start =
      (...more: string[]) =>
      () =>
        startFromCheckpoint(open(), {
          recipe: chooseRecipe("fine-tuned-2", [...overrides, ...more]).recipe,
          texts: [],
        });
    expect(start("numHiddenLayers=4")).toThrow(/numHiddenLayers 4: the checkpoint has 3/);
    expect(start("maxTokens=41")).toThrow(/maxTokens 41: the checkpoint reads at most 40/);
    expect(start("hiddenSize=16")).toThrow(/hiddenSize 16: the checkpoint has 8/);
  });
});

describe("startFromRandom", () => {
  test.each([
    ["numAttentionHeads=3", /hiddenSize 128 is not a multiple of numAttentionHeads 3/],
    ["hiddenSize=7", /hiddenSize 7 is not a multiple of numAttentionHeads 2/],
  ])("refuses %s, whose heads do not divide the width", (set, message) => {
    const { recipe } = chooseRecipe("tiny", [set]);
    expect(() => startFromRandom(open().tokenizerJson, { recipe, texts: [] })).toThrow(message);
  });
});

describe("pretrain from a checkpoint", () => {
  test("distils, resumes after a stop to the same bytes, and records what went in", async () => {
    const teacher = await pretrain({ ...inputOf("teacher", ["vocabularySize=none", "numHiddenLayers=3"]) });
    expect(teacher).toMatchObject({ numHiddenLayers: 3, vocabularySize: vocabulary.length });
    const taught = (out: string) => ({ ...inputOf(out), teacherDirectory: at("teacher") });
    const whole = await pretrain(taught("whole"));
    const stop = new AbortController();
    const stopped = await pretrain({
      ...taught("stopped"),
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 5) stop.abort();
      },
    });
    expect(stopped).toBeUndefined();
    const logits = readFileSync(at("stopped", teacherLogitsName));
    const resumed = await pretrain({ ...taught("stopped"), resume: true });
    expect(readFileSync(at("stopped", teacherLogitsName)).equals(logits)).toBe(true);
    expect(weightsOf("stopped").equals(weightsOf("whole"))).toBe(true);
    expect(resumed!.curve).toEqual(whole!.curve);

    const untaught = await pretrain(inputOf("untaught"));
    expect(untaught!.fingerprint).not.toBe(whole!.fingerprint);
    expect(weightsOf("untaught").equals(weightsOf("whole"))).toBe(false);
    const record = recordOf("whole");
    expect(record).toMatchObject({ numHiddenLayers: 2, hiddenSize: 8, selectedEvaluation: whole!.selectedEvaluation });
    expect(record.checkpoint).toMatchObject({ source: "checkpoint", licence: "apache-2.0", numHiddenLayers: 3 });
    expect(record.checkpoint!.files.map(({ name }) => name)).toEqual(["config.json", "model.safetensors", "vocab.txt"]);
    expect(record.evaluations.map(({ step }) => step)).toEqual([5, 9, 14, 18]);
    expect(record.curve).toHaveLength(18);
    expect(record.evaluations.at(-1)!.trainLoss).toBeLessThan(record.evaluations[0]!.trainLoss);
    expect(record.parity).toBeLessThan(1e-4);
    expect(readExtractorFolder(at("whole")).config.maxPositionEmbeddings).toBe(12);
    const svg = readFileSync(at("whole", "curves.svg"), "utf8");
    expect(svg.match(/<circle/g)).toHaveLength(4);
    expect(svg).not.toMatch(/NaN|undefined/);

    const frozen = { identity: "i", featureSize: 16, sizesBytes: {}, priorRows: 1, dialogueRows: 0, priorDevF1: 0.5 };
    const card = cardOf({ kind: "run", record }, { frozen });
    expect(card).toContain("Training started from the first 2 of 3 layers of checkpoint (model.safetensors");
    expect(card).toContain("checkpoint, from which it was made, is apache-2.0");
    expect(card).toContain("KL divergence from the teacher with weight");
    expect(card).toContain("--recipe teacher.json --seed 1 --out teacher\n");
    expect(card).toContain("--recipe run.json --seed 1 --teacher teacher --out run\n");
    const { teacher: _, ...alone } = { ...record, recipe: recipeByName("bundled") };
    const named = cardOf({ kind: "run", record: alone }, { frozen });
    expect(named).toContain("--recipe bundled --seed 1 --out run\n");
    expect(named).toContain("Loss: cross-entropy over each set's own labels.\n- Optimizer: AdamW");
    expect(named).not.toContain("Training ended");
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const changed: RunRecord = {
      ...alone,
      recipe: { ...alone.recipe, classWeights: "balanced", stopAtFraction: 0.8 },
      reference: { fingerprint: "f", devMetric: 0.75 },
      ending: "goal",
      checkpoint: { ...record.checkpoint!, source: `hf:sentence-transformers/all-MiniLM-L6-v2@${commit}` },
    };
    const told = cardOf({ kind: "run", record: changed }, { frozen });
    expect(told).toContain(`--from hf:sentence-transformers/all-MiniLM-L6-v2@${commit} `);
    expect(told).toContain("- The publishers of all-MiniLM-L6-v2 trained it on texts that this card does not know");
    expect(told).toContain("own labels, each row weighted by the inverse root of its class's rows.");
    expect(told).toContain("Training ended at the goal of 0.6000, 0.8 of the full run's 0.7500.");
    expect(told).toContain("--reference-run full-run");
  });

  test("stops at the chosen share of a full run's dev metric", async () => {
    const more = ["evaluationsPerEpoch=9", "epochs=6", "patience=100"];
    const full = await pretrain(inputOf("full", more));
    const best = Math.max(...full!.evaluations.map(({ devMetric }) => devMetric));
    const early = ["stopAtFraction=0.5", "select=last"];
    const part = { ...inputOf("part", [...more, ...early]), referenceDirectory: at("full") };
    const stopped = await pretrain(part);
    const metrics = stopped!.evaluations.map(({ devMetric }) => devMetric);
    expect(metrics.at(-1)).toBeGreaterThanOrEqual(0.5 * best);
    for (const metric of metrics.slice(0, -1)) expect(metric).toBeLessThan(0.5 * best);
    expect(metrics.length).toBeLessThan(full!.evaluations.length);
    expect(stopped!.selectedEvaluation).toBe(metrics.length - 1);
    expect(stopped!.reference!.devMetric).toBe(best);
    expect([full!.ending, endingText(full!)]).toEqual(["epochs", undefined]);
    expect(recordOf("part").ending).toBe("goal");
    expect(endingText(stopped!)).toBe(
      `at the goal of ${(0.5 * best).toFixed(4)}, 0.5 of the full run's ${best.toFixed(4)}`,
    );
    const missed = await pretrain({
      ...inputOf("missed", [...more, "stopAtFraction=1", "patience=1", "learningRate=1e-9", "headLearningRate=1e-9"]),
      referenceDirectory: at("full"),
    });
    expect(endingText(missed!)).toBe(
      `after 1 evaluation without a better one; the goal of ${best.toFixed(4)}, 1 of the full run's ${best.toFixed(4)}, was not met`,
    );
    await expect(pretrain(inputOf("none", early))).rejects.toThrow(/name that run with --reference-run/);
    const referenceDirectory = at("full");
    await expect(pretrain({ ...inputOf("none", more), referenceDirectory })).rejects.toThrow(
      /--reference-run: the recipe has no stopAtFraction; --set stopAtFraction=0\.8/,
    );
    await expect(pretrain({ ...part, dataDirectory: at("other") })).rejects.toThrow(
      /--reference-run: .*full was trained on other data \(data goemotions\/train\)/,
    );
  });

  test("weighs classes of unlike numbers of rows where the recipe says so", async () => {
    const weights = [];
    for (const classWeights of ["none", "balanced"]) {
      const input = inputOf(classWeights, ["stopAfterEpochs=0.1", `classWeights=${classWeights}`]);
      await pretrain({ ...input, dataDirectory: at("other") });
      weights.push(weightsOf(classWeights));
    }
    expect(weights[0]!.equals(weights[1]!)).toBe(false);
  });

  test("warns where it repeats a recorded run with other data, another checkpoint or without its teacher", async () => {
    const path = at("whole", "run.json");
    const warnings = async (out: string, more: Partial<PretrainInput>) => {
      const heard: string[] = [];
      const recipe = chooseRecipe(path, ["stopAfterEpochs=0.1"]);
      await pretrain({ ...inputOf(out), recipe, onWarning: (text) => heard.push(text), ...more });
      return heard;
    };
    expect(await warnings("same", { teacherDirectory: at("teacher") })).toEqual([]);
    const from = open();
    const files = from.files.map((file) => (file.name === "vocab.txt" ? { ...file, sha256: "0" } : file));
    expect(await warnings("changed", { dataDirectory: at("other"), from: { ...from, files } })).toEqual([
      `--recipe ${path}: what goes in is not what is recorded there (data goemotions/train, checkpoint vocab.txt, teacher (missing)), so the weights will differ`,
    ]);
    writeFileSync(at("bad.json"), JSON.stringify({ recipe: {}, data: [{ name: 3 }] }));
    expect(() => chooseRecipe(at("bad.json"), [])).toThrow(/bad\.json, data\.0\.name: /);
  });

  test("starts from a RoBERTa too, its vocabulary whole, and refuses to prune it", async () => {
    writeRobertaCheckpoint(at("roberta"));
    const from = { ...readCheckpointFolder(at("roberta")), source: "roberta" };
    const whole = ["vocabularySize=none", "numHiddenLayers=1", "maxTokens=10"];
    const record = await pretrain({ ...inputOf("from-roberta", whole), from });
    expect(record).toMatchObject({ modelType: "roberta", numHiddenLayers: 1, vocabularySize: from.config.vocabSize });
    expect(record!.parity).toBeLessThan(1e-4);
    await expect(pretrain({ ...inputOf("pruned"), from })).rejects.toThrow(/only a WordPiece vocabulary can be pruned/);
  });

  describe("an encoder so steep that rounding moves its features", () => {
    const layers = ["numHiddenLayers=3", "vocabularySize=none"];
    /**
     * Every position holds `value` in every place, so LayerNorm leaves only the words' share, rounded as coarsely
     * as `value` is large.
     */
    const levelled = (value: number): PretrainInput["from"] => {
      const weights = randomWeights(config, 7);
      weights.get("embeddings.position_embeddings.weight")!.fill(value);
      weights.get("embeddings.token_type_embeddings.weight")!.fill(0);
      return { ...open(), source: "steep", model: encoderFile(config, weights) };
    };

    test("is refused before it is trained", async () => {
      const onProgress = () => expect.fail("trained");
      await expect(pretrain({ ...inputOf("steep", layers), from: levelled(1e5), onProgress })).rejects.toThrow(
        /--from: features .* differ by 0\.0\d+ .* more than 0\.0001/,
      );
    });

    test("is kept with a warning and its record where training made it so", async () => {
      const warnings: string[] = [];
      // One step, in which the decay makes weights 50,000 times as large.
      const more = [...layers, "weightDecay=1e7", "stopAfterEpochs=0.1"];
      const onWarning = (text: string) => warnings.push(text);
      const input = { ...inputOf("steeper", more), from: levelled(0.1), onWarning };
      const record = await pretrain(input);
      expect(record!.parity).toBeGreaterThan(0.01);
      expect(recordOf("steeper").parity).toBe(record!.parity);
      expect(warnings).toEqual([expect.stringMatching(/the exported files' features differ .* run\.json says so/)]);
      expect(await pretrain({ ...input, resume: true })).toMatchObject({ parity: record!.parity });
    });
  });

  test("refuses a teacher that is no finished run", async () => {
    const teacherDirectory = at("checkpoint");
    await expect(pretrain({ ...inputOf("x"), teacherDirectory })).rejects.toThrow(/checkpoint/);
    // The refusal comes before training, not at its end.
    cpSync(at("teacher"), at("unrecorded"), { recursive: true });
    rmSync(at("unrecorded", "run.json"));
    const onProgress = () => expect.fail("trained");
    await expect(pretrain({ ...inputOf("x"), teacherDirectory: at("unrecorded"), onProgress })).rejects.toThrow(
      /--teacher: .*run\.json is missing/,
    );
  });
});
