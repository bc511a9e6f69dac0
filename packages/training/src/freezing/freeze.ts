// Freezes a run: writes int8 weights, DR, prior head and golden vectors into the folder that `attune publish` signs.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { type DimensionalityReduction, fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import type { FeatureExtractor } from "@attune/ml/features/extractor";
import { featureIdentity } from "@attune/ml/features/identity";
import { type Verification, verifyExtractor } from "@attune/ml/features/verify-extractor";
import type { LinearHead } from "@attune/ml/heads/linear";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { serializeSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { compactGolden, type Golden, plainGolden } from "@attune/shared/contracts/golden";
import { utf8 } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import {
  type ExtractionProgress,
  type ExtractorFolder,
  openExtractor,
  readExtractorFolder,
} from "../checkpoints/extractor-files.js";
import { type ImportRecord, importRecordName, parseImportRecord } from "../checkpoints/import-record.js";
import { emotionLabels } from "../datasets/emotions.js";
import { type RunRecord, readRunRecord } from "../pretraining/run/run-record.js";
import { type CardAbout, readCardAbout } from "./card-about.js";
import { goldenVectors } from "./golden.js";
import { fitPriorHead } from "./prior-head.js";
import { type OwnSet, type PriorRow, type PriorSetInput, readPriorSet } from "./prior-set.js";

interface FreezeInput extends PriorSetInput {
  /** An engine that gives the same bits on every machine, because DR and prior head depend on its features. */
  readonly engine: Engine;
  readonly runDirectory: string;
  readonly out: string;
  readonly report: (progress: ExtractionProgress) => void;
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
  /** The set that the prior head was fitted on; absent for GoEmotions. */
  readonly priorSet?: OwnSet;
}

/** The run to freeze: its folder, the int8 weights, and the extractor that computes with them. */
interface Run {
  readonly input: FreezeInput;
  readonly folder: ExtractorFolder;
  readonly quantized: TensorFile;
  readonly extractor: FeatureExtractor;
}

/** The frozen files by name. */
type Files = Readonly<Record<string, Uint8Array>>;

/**
 * Writes every file of a frozen extractor but its card. DR and prior head are fitted on features of the int8 weights,
 * computed by the kernels as on devices. The golden vectors are computed by the reference engine.
 */
export function freezeExtractor(input: FreezeInput): FreezeOutcome {
  const folder = readExtractorFolder(input.runDirectory);
  const rows = readPriorSet(input);
  const run = openRun(input, folder);
  const pooled = extract(run, "features of the labelled dataset", rows.train);
  const reduction = fitDimensionalityReduction(pooled);
  const golden = goldenOf(run, reduction);
  const featureFiles = featureFilesOf(run, reduction);
  const identity = sha256(featureIdentity((name) => sha256(featureFiles[name]), folder));
  const featuresOf = (what: string, of: readonly { readonly text: string }[]) =>
    of.length === 0 ? createMatrix(0, reduction.outputSize) : reduction.apply(extract(run, what, of));
  const head = fitPriorHead({
    posts: { features: reduction.apply(pooled), labels: idsOf(rows.train) },
    dialogue: { features: featuresOf("features of the dialogue", rows.dialogue), rows: rows.dialogue },
    identity,
    classes: rows.labels,
    kernels: input.engine.heads,
    report: (done, total) => input.report({ what: "the prior head", done, total }),
  });
  const files = {
    ...featureFiles,
    "prior-head.safetensors": serializeSafetensors(head.save()),
    "golden.json": compactGolden(golden) ?? plainGolden(golden),
  };
  refuseUnlessVerified(run, files, { identity, classes: rows.labels, golden });
  for (const [name, bytes] of Object.entries(files)) writeFileDurablySync(join(input.out, name), bytes);
  return {
    identity,
    featureSize: reduction.outputSize,
    sizesBytes: Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length])),
    priorRows: rows.train.length,
    dialogueRows: rows.dialogue.length,
    priorDevF1: headF1(head, featuresOf("features of its dev rows", rows.dev), idsOf(rows.dev)),
    ...(rows.own && { priorSet: rows.own }),
  };
}

function openRun(input: FreezeInput, folder: ExtractorFolder): Run {
  const quantized = quantizeTensorFile(folder.model);
  return { input, folder, quantized, extractor: openExtractor(input.engine, folder, quantized) };
}

/** Features of the rows' texts before the DR: (N, H). */
function extract({ extractor, input }: Run, what: string, rows: readonly { readonly text: string }[]): Matrix {
  const texts = rows.map((row) => row.text);
  return extractor.extractAll(texts, (done, total) => input.report({ what, done, total }));
}

function goldenOf({ folder, quantized }: Run, reduction: DimensionalityReduction): Golden {
  const reference = openExtractor(referenceEngine, folder, quantized);
  return goldenVectors(createTokenizer(folder.tokenizerJson), folder.maxTokens, (ids) => {
    const features = reference.encodeIds(ids);
    return reduction.apply(createMatrix(1, features.length, features)).data;
  });
}

/** The files that decide the features, and so their identity. */
function featureFilesOf({ folder, quantized }: Run, reduction: DimensionalityReduction) {
  return {
    "config.json": utf8(folder.configJson),
    "tokenizer.json": utf8(folder.tokenizerJson),
    "model.safetensors": serializeSafetensors(quantized),
    "dr.safetensors": serializeSafetensors(reduction.save()),
  };
}

/** A folder that devices would refuse is not written. */
function refuseUnlessVerified(
  { input, folder }: Run,
  files: Files,
  { identity, classes, golden }: Pick<Verification, "classes" | "golden"> & { readonly identity: string },
): void {
  const verdict = verifyExtractor({
    engine: input.engine,
    files: {
      config: files["config.json"]!,
      model: files["model.safetensors"]!,
      tokenizer: files["tokenizer.json"]!,
      reduction: files["dr.safetensors"]!,
      priorHead: files["prior-head.safetensors"]!,
    },
    settings: { pooling: folder.pooling, maxTokens: folder.maxTokens, identity },
    classes: classes!,
    golden,
  });
  if (verdict.ok) return;
  throw new AppError(
    "INVALID_EXTRACTOR",
    `${input.runDirectory}: devices would refuse it (${verdict.detail}); freeze another run`,
  );
}

/** Weighted F1 of a head on (N, D) features. */
export function headF1(head: LinearHead, features: Matrix, labels: Int32Array): number {
  return weightedF1(labels, predictedLabels(head.probabilities(features)), head.identity.classes.length);
}

function idsOf(rows: readonly PriorRow[]): Int32Array {
  return Int32Array.from(rows, ({ labelId }) => labelId);
}

export function labelsOf(rows: readonly { readonly label: (typeof emotionLabels)[number] }[]): Int32Array {
  return Int32Array.from(rows, ({ label }) => emotionLabels.indexOf(label));
}

/** The origin of a folder to freeze: its own run, or a published checkpoint. */
export type Origin =
  | { readonly kind: "run"; readonly record: RunRecord; readonly about?: CardAbout }
  | { readonly kind: "import"; readonly record: ImportRecord };

/**
 * Reads run.json or import.json. Throws INVALID_INPUT or INVALID_EXTRACTOR, naming the file, if it
 * is missing or damaged.
 */
export function readOrigin(directory: string): Origin {
  const path = join(directory, importRecordName);
  if (!isPresentSync(path)) return { kind: "run", record: readRunRecord(directory), about: readCardAbout(directory) };
  try {
    return { kind: "import", record: parseImportRecord(readFileSync(path, "utf8")) };
  } catch (cause) {
    const why = cause instanceof SyntaxError ? " is not JSON" : `: ${(cause as Error).message}`;
    throw new AppError("INVALID_EXTRACTOR", `${path}${why}; import the checkpoint again`, { cause });
  }
}

/** Writes the origin's record together with the findings of freezing and measuring. */
export function writeRecord(directory: string, { kind, record: origin }: Origin, found: object): void {
  const record = { ...origin, ...found };
  writeFileDurablySync(join(directory, `${kind}.json`), utf8(`${JSON.stringify(record, null, 2)}\n`));
}
