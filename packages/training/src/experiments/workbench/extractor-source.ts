// An extractor under experiment: its opened folder, the facts about it, and its twin with random weights.

import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { EncoderConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import {
  type DimensionalityReduction,
  loadDimensionalityReduction,
} from "@attune/ml/features/dimensionality-reduction";
import { type LinearHead, loadLinear } from "@attune/ml/heads/linear";
import { createRandom } from "@attune/ml/tensor/random";
import { parseSafetensors, type Tensor, type TensorFile } from "@attune/ml/tensor/safetensors";
import { isPresentSync } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import { type ExtractorFolder, readExtractorFolder } from "../../checkpoints/extractor-files.js";
import { cardDataOf } from "../../freezing/card-data.js";
import { type PaperExtractor, paperExtractors } from "../paper.js";

export interface ExtractorSource {
  readonly name: string;
  /** The digest of files and engine, on which features depend. */
  readonly key: string;
  readonly folder: ExtractorFolder;
  readonly model: TensorFile;
  readonly weights: "int8" | "float32";
  /** The paper's checkpoint in this folder, according to the name that its owner gives. */
  readonly paper?: { readonly extractor: PaperExtractor; readonly pretrained: boolean };
  /** The labelled sets that a run of `attune pretrain` learned from, as in "A and B". */
  readonly trainedOn?: string;
  /** The folder's own DR, if it was frozen for publishing. */
  readonly reduction?: DimensionalityReduction;
  readonly prior?: LinearHead;
}

/**
 * `argument` is DIR, or NAME=DIR with the name of one of the paper's extractors; `-pretrained` marks one further
 * trained on a labelled dataset.
 * Throws INVALID_INPUT for a name that does not fit the folder, INVALID_EXTRACTOR for a fault in the folder.
 */
export function openSource(argument: string, engineName: string): ExtractorSource {
  const equals = argument.indexOf("=");
  const named = equals < 0 ? undefined : argument.slice(0, equals).toLowerCase();
  const given = argument.slice(equals + 1);
  if (given === "") throw new AppError("INVALID_INPUT", `--extractor ${argument}: the folder is missing`);
  const directory = resolve(given);
  const paper = named === undefined ? undefined : paperName(named);
  const folder = readExtractorFolder(directory);
  if (paper !== undefined) refuseOtherShape(argument, paper.extractor, folder.config);
  const optional = (name: string) => readOptional(join(directory, name));
  const reduction = optional("dr.safetensors");
  const prior = optional("prior-head.safetensors");
  const name =
    paper === undefined ? basename(directory) : `${paper.extractor}${paper.pretrained ? " pre-trained" : ""}`;
  return {
    name,
    key: digestOf(directory, engineName),
    folder,
    model: folder.model,
    weights: "quantization" in folder.model.metadata ? "int8" : "float32",
    ...(paper === undefined ? {} : { paper }),
    ...trainedOn(directory),
    ...(reduction === undefined ? {} : { reduction: loadDimensionalityReduction(reduction) }),
    ...(prior === undefined ? {} : { prior: loadLinear(prior) }),
  };
}

function paperName(named: string): NonNullable<ExtractorSource["paper"]> {
  const pretrained = named.endsWith("-pretrained");
  const plain = pretrained ? named.slice(0, -"-pretrained".length) : named;
  const extractor = paperExtractors.find((known) => known.toLowerCase() === plain);
  if (extractor === undefined) {
    const names = paperExtractors.map((known) => known.toLowerCase()).join(", ");
    throw new AppError("INVALID_INPUT", `--extractor ${named}=…: the paper's extractors are ${names} (-pretrained)`);
  }
  return { extractor, pretrained };
}

interface Shape {
  readonly modelType: EncoderConfig["modelType"];
  readonly numHiddenLayers: number;
  readonly hiddenSize: number;
}

const shapeOf: Readonly<Record<PaperExtractor, Shape>> = {
  RoBERTa: { modelType: "roberta", numHiddenLayers: 12, hiddenSize: 768 },
  MobileBERT: { modelType: "mobilebert", numHiddenLayers: 24, hiddenSize: 512 },
  "BERT-Medium": { modelType: "bert", numHiddenLayers: 8, hiddenSize: 512 },
  "BERT-Tiny": { modelType: "bert", numHiddenLayers: 2, hiddenSize: 128 },
};

/** No other encoder's number may stand in one of the paper's columns. */
function refuseOtherShape(argument: string, extractor: PaperExtractor, config: EncoderConfig): void {
  const words = ({ modelType, numHiddenLayers, hiddenSize }: Shape) =>
    `a ${modelType} of ${numHiddenLayers} layers, ${hiddenSize} wide`;
  if (words(config) === words(shapeOf[extractor])) return;
  throw new AppError(
    "INVALID_INPUT",
    `--extractor ${argument} holds ${words(config)}, and ${extractor} is ${words(shapeOf[extractor])}; give it as --extractor DIR`,
  );
}

function trainedOn(directory: string): Pick<ExtractorSource, "trainedOn"> {
  const path = join(directory, "run.json");
  if (!isPresentSync(path)) return {};
  try {
    return { trainedOn: cardDataOf(JSON.parse(readFileSync(path, "utf8"))).titles };
  } catch (cause) {
    throw new AppError("INVALID_EXTRACTOR", `${path} is no record of a run; copy the folder again`, { cause });
  }
}

/** The folder's DR is left out, because features are cached before it. */
function digestOf(directory: string, engineName: string): string {
  const digests = ["config.json", "model.safetensors", "tokenizer.json"].map((name) =>
    sha256(new Uint8Array(readFileSync(join(directory, name)))),
  );
  return sha256([...digests, engineName].join("\n"));
}

function readOptional(path: string): TensorFile | undefined {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch {
    return undefined;
  }
  try {
    return parseSafetensors(bytes);
  } catch (cause) {
    throw new AppError("INVALID_EXTRACTOR", `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The same architecture and tokenizer with untrained weights: normal with deviation 0.02, norms 1, biases 0. */
export function randomTwin(source: ExtractorSource, seed: number): ExtractorSource {
  const { folder } = source;
  return {
    name: `${source.name} (random weights)`,
    key: sha256(`random ${seed}\n${source.key}`),
    folder,
    model: randomWeights(folder.config, seed),
    weights: "float32",
  };
}

function randomWeights(config: EncoderConfig, seed: number): TensorFile {
  const random = createRandom(seed);
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of encoderWeightShapes(config)) {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (/norm(?:\.[^.]*)*\.weight$/i.test(name)) data.fill(1);
    else if (!name.endsWith(".bias")) for (let i = 0; i < data.length; i++) data[i] = 0.02 * random.normal();
    tensors.set(name, { dtype: "F32", shape, data });
  }
  return { tensors, metadata: {} };
}
