// Turns a checkpoint in Hugging Face's layout into an extractor folder of config.json, model.safetensors (float32,
// the encoder alone) and tokenizer.json. Its import.json records where the files came from. The folder is written
// whole or not at all.

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type EncoderConfig, maxInputTokens, parseEncoderConfig } from "@attune/ml/encoder/config";
import { createEncoder } from "@attune/ml/encoder/create-encoder";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { assertFinite } from "@attune/ml/error";
import { createFeatureExtractor } from "@attune/ml/features/extractor";
import { parsePythonJson } from "@attune/ml/json";
import { serializeSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { renameDurablySync, writeFileDurablySync } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { readTokenizerJson, type TokenizerOrigin, tokenizerFileNames } from "./checkpoint-tokenizer.js";
import { inFile, modelTypeOf, openWeights, readBytes, readText, takeEncoderWeights } from "./checkpoint-weights.js";
import { extractorConfigJson } from "./export.js";
import { type FileDigest, type ImportRecord, importRecordName, parseImportRecord } from "./import-record.js";

interface ImportInput {
  readonly folder: string;
  readonly out: string;
  readonly pooling: Pooling;
  readonly maxTokens: number;
  /** The origin that import.json records: the folder's name, or repository and commit. */
  readonly source: string;
}

/** Throws INVALID_CHECKPOINT naming file and field, INVALID_INPUT for `out` or `maxTokens`. */
export function importCheckpoint(input: ImportInput): ImportRecord {
  const { folder, out, pooling, maxTokens, source } = input;
  refuseFilled(out);
  const { config, model, tokenizerJson, licence } = readCheckpointFolder(folder);
  if (maxTokens > maxInputTokens(config)) {
    throw new AppError(
      "INVALID_INPUT",
      `--max-tokens ${maxTokens}: this encoder reads at most ${maxInputTokens(config)}`,
    );
  }
  checkPipeline({ folder, config, model, tokenizerJson, pooling, maxTokens });

  const encoder = new TextEncoder();
  const files = new Map([
    ["config.json", encoder.encode(extractorConfigJson(config, { pooling, maxTokens }))],
    ["model.safetensors", serializeSafetensors(model)],
    ["tokenizer.json", encoder.encode(tokenizerJson)],
  ]);
  const record: ImportRecord = {
    version: 1,
    source,
    ...(licence === undefined ? {} : { licence }),
    modelType: config.modelType,
    numHiddenLayers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    vocabularySize: config.vocabSize,
    parameters: [...model.tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
    pooling,
    maxTokens,
    files: [...files].map(([name, bytes]) => ({ name, sizeBytes: bytes.length, sha256: sha256(bytes) })),
  };
  files.set(importRecordName, encoder.encode(`${JSON.stringify(record, null, 2)}\n`));
  writeFolder(out, files);
  return record;
}

/** A checkpoint in Hugging Face's layout, or a folder that `importCheckpoint` wrote. */
export interface CheckpointFolder {
  readonly config: EncoderConfig;
  /** The encoder's weights alone, in float32. */
  readonly model: TensorFile;
  readonly tokenizerJson: string;
  /** The recorded origin of a folder that `importCheckpoint` wrote. */
  readonly source?: string;
  /** The licence as its publisher names it. */
  readonly licence?: string;
  /** Digests of the files that were read, as they lie in the folder. */
  readonly files: readonly FileDigest[];
}

/** Throws INVALID_CHECKPOINT naming file and field. */
export function readCheckpointFolder(folder: string): CheckpointFolder {
  const configPath = join(folder, "config.json");
  const configText = inFile(configPath, () => readText(configPath));
  const adapter = join(folder, "adapter_config.json");
  if (isPresentSync(adapter)) {
    throw new AppError("INVALID_CHECKPOINT", `${adapter}: an adapter changes the weights; merge it and save the model`);
  }
  const found = openWeights(folder);
  const config = inFile(configPath, () => parseEncoderConfig(configText, modelTypeOf(found)));
  const model = takeEncoderWeights(config, found, folder);
  const origin = inFile(configPath, () => readTokenizerOrigin(configText));
  const tokenizerJson = readTokenizerJson(folder, { ...origin, vocabSize: config.vocabSize });
  const weightFiles = new Set([...found.values()].map(({ file }) => basename(file.path)));
  const tokenizerFiles = tokenizerFileNames.filter((name) => isPresentSync(join(folder, name)));
  const files = ["config.json", ...weightFiles, ...tokenizerFiles].map((name) => {
    const bytes = inFile(join(folder, name), () => readBytes(join(folder, name)));
    return { name, sizeBytes: bytes.length, sha256: sha256(bytes) };
  });
  return { config, model, tokenizerJson, files, ...readOriginOf(folder) };
}

const originSchema = z.looseObject({ model_type: z.string().optional(), tokenizer_class: z.string().nullish() });

function readTokenizerOrigin(configJson: string): TokenizerOrigin {
  const { success, data } = originSchema.safeParse(parsePythonJson(configJson));
  if (!success) throw new Error("tokenizer_class is not the name of a class");
  // Only a config.json that was written here has this key.
  return { modelType: data.model_type, tokenizerClass: data.tokenizer_class, isOwn: data.attune !== undefined };
}

/**
 * Source and licence as import.json states them; a publisher's own folder states its licence at the head of README.md.
 */
function readOriginOf(folder: string): Pick<CheckpointFolder, "source" | "licence"> {
  const read = (name: string) => {
    const path = join(folder, name);
    return isPresentSync(path) ? inFile(path, () => new TextDecoder().decode(readBytes(path))) : undefined;
  };
  const text = read(importRecordName);
  const imported =
    text === undefined ? undefined : inFile(join(folder, importRecordName), () => parseImportRecord(text));
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(read("README.md") ?? "")?.[1] ?? "";
  // A licence is a short name such as apache-2.0.
  const licence = imported?.licence ?? /^license:\s*['"]?([\w.+-]{1,60})['"]?\s*$/m.exec(head)?.[1];
  return { ...(imported && { source: imported.source }), ...(licence === undefined ? {} : { licence }) };
}

function refuseFilled(out: string): void {
  if (isPresentSync(out) && readdirSync(out).length > 0) {
    throw new AppError("INVALID_INPUT", `--out ${out} holds files already; choose another folder`);
  }
}

interface Pipeline {
  readonly folder: string;
  readonly config: EncoderConfig;
  readonly model: TensorFile;
  readonly tokenizerJson: string;
  readonly pooling: Pooling;
  readonly maxTokens: number;
}

/** Computes one text from end to end, so that only a checkpoint that works here is imported. */
function checkPipeline({ folder, config, model, tokenizerJson, pooling, maxTokens }: Pipeline): void {
  const tokenizer = inFile(join(folder, "tokenizer.json"), () => createTokenizer(tokenizerJson));
  inFile(folder, () => {
    const encoder = createEncoder(config, model);
    const extractor = createFeatureExtractor({ tokenizer, encoder, pooling, maxTokens, identity: "being imported" });
    assertFinite("the feature of a text", extractor.extract("One, two, three."));
  });
}

function writeFolder(out: string, files: ReadonlyMap<string, Uint8Array>): void {
  const partial = `${out}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(out), { recursive: true });
  for (const [name, bytes] of files) writeFileDurablySync(join(partial, name), bytes);
  renameDurablySync(partial, out);
}
