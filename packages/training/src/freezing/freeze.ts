// Freezes a run: writes int8 weights, DR, prior head and golden vectors into the folder that `attune publish` signs.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { featureIdentity } from "@attune/ml/features/identity";
import { verifyExtractor } from "@attune/ml/features/verify-extractor";
import type { LinearHead } from "@attune/ml/heads/linear";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { sha256 } from "@attune/platform/sha256";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import { AppError } from "@attune/shared/errors";
import type { ImportRecord } from "../checkpoints/checkpoint-import.js";
import { type ExtractionProgress, openExtractor, readExtractorFolder } from "../checkpoints/extractor-files.js";
import { loadEmoryNlp } from "../datasets/emorynlp.js";
import { loadGoEmotions } from "../datasets/goemotions.js";
import { setKindOf } from "../datasets/labelled-set.js";
import type { LabelledRow } from "../datasets/table.js";
import { rowsText, type Warn } from "../datasets/warning.js";
import { type RunRecord, readRunRecord } from "../pretraining/run/run-record.js";
import { type CardAbout, readCardAbout } from "./card-about.js";
import { goldenVectors } from "./golden.js";
import { fitPriorHead, hasOneEmotion } from "./prior-head.js";

export interface FreezeInput {
  /** An engine that gives the same bits on every machine, because DR and prior head depend on its features. */
  readonly engine: Engine;
  readonly runDirectory: string;
  readonly dataDirectory: string;
  /** EmoryNLP: dialogue, from which the prior head learns too. */
  readonly extraPath?: string | undefined;
  readonly out: string;
  readonly report: (progress: ExtractionProgress) => void;
  /** Receives warnings about rows that are not learned from, and the readers' warnings about other rows. */
  readonly onWarning?: Warn;
}

export interface FreezeOutcome {
  readonly identity: string;
  readonly featureSize: number;
  readonly sizesBytes: Readonly<Record<string, number>>;
  /** Rows that the prior head was fitted on: those with one emotion. */
  readonly priorRows: number;
  /** Rows of dialogue that the prior head was fitted on. */
  readonly dialogueRows: number;
  /** Weighted F1 of the prior head on the labelled dataset's own dev rows with one emotion. */
  readonly priorDevF1: number;
}

/**
 * Writes every file of a frozen extractor but its card. DR and prior head are fitted on features of the int8 weights, computed by the kernels as on
 * devices. The golden vectors are computed by the reference engine.
 */
export function freezeExtractor(input: FreezeInput): FreezeOutcome {
  const { engine, out, onWarning = () => {} } = input;
  const folder = readExtractorFolder(input.runDirectory);
  refuseOtherLabels(input.dataDirectory);
  const goEmotions = loadGoEmotions(input.dataDirectory);
  const dialogue = input.extraPath === undefined ? [] : loadEmoryNlp(input.extraPath, onWarning);
  const quantized = quantizeTensorFile(folder.model);
  const extractor = openExtractor(engine, folder, quantized);
  const withOneEmotion = (part: "train" | "dev") => {
    const others = goEmotions[part].filter((row) => !hasOneEmotion(row)).map(({ sourceLine }) => sourceLine);
    if (others.length > 0) onWarning(`${part}: ${rowsText(others)} with several emotions are left out`);
    return goEmotions[part].filter(hasOneEmotion);
  };
  const [train, dev] = [withOneEmotion("train"), withOneEmotion("dev")];
  const extract = (what: string, rows: readonly LabelledRow[]) =>
    extractor.extractAll(
      rows.map((row) => row.text),
      (done, total) => input.report({ what, done, total }),
    );
  const pooled = extract("features of the labelled dataset", train);
  const reduction = fitDimensionalityReduction(pooled);
  const reference = openExtractor(referenceEngine, folder, quantized);
  const golden = goldenVectors(createTokenizer(folder.tokenizerJson), folder.maxTokens, (ids) => {
    const features = reference.encodeIds(ids);
    return reduction.apply(createMatrix(1, features.length, features)).data;
  });

  const settings = { pooling: folder.pooling, maxTokens: folder.maxTokens };
  const files: Record<string, Uint8Array> = {
    "config.json": encode(folder.configJson),
    "tokenizer.json": encode(folder.tokenizerJson),
    "model.safetensors": serializeSafetensors(quantized),
    "dr.safetensors": serializeSafetensors(reduction.save()),
  };
  const identity = sha256(
    featureIdentity(
      {
        config: sha256(files["config.json"]!),
        model: sha256(files["model.safetensors"]!),
        tokenizer: sha256(files["tokenizer.json"]!),
        reduction: sha256(files["dr.safetensors"]!),
      },
      settings,
    ),
  );
  const featuresOf = (what: string, rows: readonly LabelledRow[]) =>
    rows.length === 0 ? createMatrix(0, reduction.outputSize) : reduction.apply(extract(what, rows));
  const head = fitPriorHead({
    posts: { features: reduction.apply(pooled), labels: labelsOf(train) },
    dialogue: { features: featuresOf("features of the dialogue", dialogue), rows: dialogue },
    identity,
    kernels: engine.heads,
    report: (done, total) => input.report({ what: "the prior head", done, total }),
  });
  files["prior-head.safetensors"] = serializeSafetensors(head.save());
  files["golden.json"] = encode(`${JSON.stringify(golden)}\n`);
  const verdict = verifyExtractor({
    engine,
    files: {
      config: files["config.json"]!,
      model: files["model.safetensors"]!,
      tokenizer: files["tokenizer.json"]!,
      reduction: files["dr.safetensors"]!,
      priorHead: files["prior-head.safetensors"]!,
    },
    settings: { ...settings, identity },
    classes: emotionLabels,
    golden,
  });
  if (!verdict.ok) {
    const { runDirectory } = input;
    throw new AppError(
      "INVALID_EXTRACTOR",
      `${runDirectory}: devices would refuse it (${verdict.detail}); freeze another run`,
    );
  }

  for (const [name, bytes] of Object.entries(files)) writeFileDurablySync(join(out, name), bytes);
  return {
    identity,
    featureSize: reduction.outputSize,
    sizesBytes: Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length])),
    priorRows: train.length,
    dialogueRows: dialogue.length,
    priorDevF1: headF1(head, featuresOf("features of its dev rows", dev), labelsOf(dev)),
  };
}

/** A release predicts the seven emotions, whatever the run learned, and only GoEmotions' labels group into all of the seven. */
function refuseOtherLabels(path: string): void {
  const kind = setKindOf(path);
  if (kind === "goemotions") return;
  throw new AppError(
    "INVALID_INPUT",
    `--data ${path}: is ${kind === "own" ? "a set of other labels" : kind}, but DR and prior head are fitted on GoEmotions, whose labels group into the seven that a release predicts; name its folder, whatever the run was trained on`,
  );
}

/** Weighted F1 of a head on (N, D) features. */
export function headF1(head: LinearHead, features: Matrix, labels: Int32Array): number {
  return weightedF1(labels, predictedLabels(head.probabilities(features)), emotionLabels.length);
}

export function labelsOf(rows: readonly { readonly label: (typeof emotionLabels)[number] }[]): Int32Array {
  return Int32Array.from(rows, ({ label }) => emotionLabels.indexOf(label));
}

/** The origin of a folder to freeze: its own run, or a published checkpoint. */
export type Origin =
  | { readonly kind: "run"; readonly record: RunRecord; readonly about?: CardAbout }
  | { readonly kind: "import"; readonly record: ImportRecord };

/** Reads run.json or import.json. Throws INVALID_INPUT or INVALID_EXTRACTOR, naming the file, if it is missing or damaged. */
export function readOrigin(directory: string): Origin {
  const path = join(directory, "import.json");
  if (!existsSync(path)) return { kind: "run", record: readRunRecord(directory), about: readCardAbout(directory) };
  try {
    return { kind: "import", record: JSON.parse(readFileSync(path, "utf8")) };
  } catch (cause) {
    throw new AppError("INVALID_EXTRACTOR", `${path}: is missing or not JSON; let the run finish first`, { cause });
  }
}

/** Writes the origin's record together with the findings of freezing and measuring. */
export function writeRecord(directory: string, { kind, record: origin }: Origin, found: object): void {
  const record = { ...origin, ...found };
  writeFileDurablySync(join(directory, `${kind}.json`), encode(`${JSON.stringify(record, null, 2)}\n`));
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
