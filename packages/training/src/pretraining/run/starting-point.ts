// Makes the starting point of training: random weights of the recipe's sizes, or a checkpoint's first layers with its
// vocabulary pruned to the texts.

import { type EncoderConfig, maxInputTokens } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { createRandom } from "@attune/ml/tensor/random";
import { getFloat32 } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import type { CheckpointFolder } from "../../checkpoints/checkpoint-import.js";
import type { FileDigest } from "../../checkpoints/import-record.js";
import type { Recipe } from "../data/recipe.js";
import { type PrunedTokenizer, pruneTokenizer } from "../data/vocabulary.js";
import { initialValues } from "../graphs/encoder.js";
import { wordEmbeddings } from "../graphs/forward.js";

export interface StartingPoint {
  readonly config: EncoderConfig;
  readonly tokenizerJson: string;
  /** Absent where training starts from random weights. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
  readonly provenance?: CheckpointProvenance;
}

/** The record of the checkpoint in run.json: enough to fetch it again and to recognise it. */
export interface CheckpointProvenance {
  /** The folder's name, or hf:owner/name@commit. */
  readonly source: string;
  /** The licence as its publisher names it. */
  readonly licence?: string;
  readonly modelType: EncoderConfig["modelType"];
  /** The layers of the whole checkpoint; the vocabulary's size and the files are of the whole checkpoint too. */
  readonly numHiddenLayers: number;
  readonly vocabularySize: number;
  readonly files: readonly FileDigest[];
}

interface StartInput {
  readonly recipe: Recipe;
  /** The training texts, to which the vocabulary is pruned. */
  readonly texts: readonly string[];
}

/**
 * Throws INVALID_INPUT if the recipe lacks one of the encoder's sizes, or the number of heads does
 * not divide the width.
 */
export function startFromRandom(tokenizerJson: string, { recipe, texts }: StartInput): StartingPoint {
  const pruned = pruneTokenizer(tokenizerJson, texts, recipe);
  const size = (field: "hiddenSize" | "numHiddenLayers" | "numAttentionHeads" | "intermediateSize"): number => {
    const value = recipe[field];
    if (value !== undefined) return value;
    throw new AppError(
      "INVALID_INPUT",
      `the recipe has no ${field}: add --from, or --set ${field}=N to train from random weights`,
    );
  };
  const config: EncoderConfig = {
    modelType: "bert",
    vocabSize: pruned.formerIds.length,
    hiddenSize: size("hiddenSize"),
    numHiddenLayers: size("numHiddenLayers"),
    numAttentionHeads: size("numAttentionHeads"),
    intermediateSize: size("intermediateSize"),
    // Positions beyond maxTokens would never be trained.
    maxPositionEmbeddings: recipe.maxTokens,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
  };
  const { hiddenSize, numAttentionHeads } = config;
  if (hiddenSize % numAttentionHeads !== 0) {
    throw new AppError(
      "INVALID_INPUT",
      `hiddenSize ${hiddenSize} is not a multiple of numAttentionHeads ${numAttentionHeads}; --set one of them`,
    );
  }
  return { config, tokenizerJson: pruned.tokenizerJson };
}

/**
 * The weights that training starts from without a checkpoint. Training's generator draws the encoder's weights first.
 */
export function randomWeights(config: EncoderConfig, seed: number): Map<string, Float32Array> {
  const random = createRandom(seed);
  return new Map([...encoderWeightShapes(config)].map(([name, shape]) => [name, initialValues(name, shape, random)]));
}

/** Throws INVALID_INPUT naming the recipe's field that the checkpoint cannot follow. */
export function startFromCheckpoint(
  checkpoint: CheckpointFolder & { readonly source: string },
  { recipe, texts }: StartInput,
): StartingPoint {
  const { config: whole, source, licence, files } = checkpoint;
  const pruned = prunedOf(checkpoint, { recipe, texts });
  const config = reducedConfig(whole, { recipe, pruned });
  const shapes = encoderWeightShapes(config);
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of encoderWeightShapes(whole)) {
    const kept = shapes.get(name);
    if (kept === undefined) continue; // belongs to a layer that is left out
    const values = getFloat32(checkpoint.model, name, shape);
    if (name === wordEmbeddings && pruned !== undefined) {
      weights.set(name, selectRows(values, { width: shape[1]!, rows: pruned.formerIds }));
    } else {
      // The whole tensor, or its first positions.
      weights.set(
        name,
        values.slice(
          0,
          kept.reduce((product, length) => product * length, 1),
        ),
      );
    }
  }
  const provenance: CheckpointProvenance = {
    source,
    ...(licence === undefined ? {} : { licence }),
    modelType: whole.modelType,
    numHiddenLayers: whole.numHiddenLayers,
    vocabularySize: whole.vocabSize,
    files,
  };
  return { config, tokenizerJson: pruned?.tokenizerJson ?? checkpoint.tokenizerJson, weights, provenance };
}

/** undefined if the recipe keeps the vocabulary whole. */
function prunedOf(
  { config, tokenizerJson }: CheckpointFolder,
  { recipe, texts }: StartInput,
): PrunedTokenizer | undefined {
  if (recipe.vocabularySize === undefined && recipe.minimumPieceCount === undefined) return undefined;
  const pruned = pruneTokenizer(tokenizerJson, texts, recipe);
  const beyond = pruned.formerIds.find((id) => id >= config.vocabSize);
  if (beyond === undefined) return pruned;
  throw new AppError(
    "INVALID_CHECKPOINT",
    `tokenizer.json: the id ${beyond} has no embedding; there are ${config.vocabSize}`,
  );
}

interface Reduction {
  readonly recipe: Recipe;
  readonly pruned: PrunedTokenizer | undefined;
}

function reducedConfig(whole: EncoderConfig, { recipe, pruned }: Reduction): EncoderConfig {
  const { maxTokens, numHiddenLayers = whole.numHiddenLayers } = recipe;
  for (const field of ["hiddenSize", "numAttentionHeads", "intermediateSize"] as const) {
    if (recipe[field] === undefined || recipe[field] === whole[field]) continue;
    throw new AppError(
      "INVALID_INPUT",
      `${field} ${recipe[field]}: the checkpoint has ${whole[field]}; --set ${field}=none takes it`,
    );
  }
  if (numHiddenLayers > whole.numHiddenLayers) {
    throw new AppError(
      "INVALID_INPUT",
      `numHiddenLayers ${numHiddenLayers}: the checkpoint has ${whole.numHiddenLayers}`,
    );
  }
  if (maxTokens > maxInputTokens(whole)) {
    throw new AppError(
      "INVALID_INPUT",
      `maxTokens ${maxTokens}: the checkpoint reads at most ${maxInputTokens(whole)}`,
    );
  }
  // Positions beyond maxTokens would never be read. RoBERTa's first positions belong to no token.
  const maxPositionEmbeddings = whole.maxPositionEmbeddings - maxInputTokens(whole) + maxTokens;
  const reduced = { ...whole, numHiddenLayers, maxPositionEmbeddings };
  if (pruned === undefined) return reduced;
  const padTokenId = pruned.formerIds.indexOf(whole.padTokenId);
  return { ...reduced, vocabSize: pruned.formerIds.length, padTokenId: Math.max(0, padTokenId) };
}

function selectRows(values: Float32Array, { width, rows }: { width: number; rows: Int32Array }): Float32Array {
  const selected = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) selected.set(values.subarray(row * width, (row + 1) * width), i * width);
  return selected;
}

/** The ids that token dropout needs: the id of a dropped piece, and the first id of a word piece. */
export function wordIds(tokenizerJson: string): { unknownId: number; firstWordId: number } {
  const json = JSON.parse(tokenizerJson) as {
    model: { vocab: Record<string, number>; unk_token?: string };
    added_tokens: { id: number; content: string }[];
  };
  const unknownName = json.model.unk_token ?? json.added_tokens.find(({ content }) => /unk/i.test(content))?.content;
  const unknownId = json.model.vocab[unknownName ?? ""] ?? 0;
  const around = createTokenizer(tokenizerJson).encode("").ids;
  return { unknownId, firstWordId: 1 + Math.max(unknownId, ...around) };
}
