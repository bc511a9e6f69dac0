// From a slot's checked files to a pair that answers: everything parsed, the golden vectors reproduced, one inference made.

import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import type { Encoder } from "@attune/ml/encoder/encoder";
import type { Engine } from "@attune/ml/engine/engine";
import { loadDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { createFeatureExtractor } from "@attune/ml/features/extractor";
import { featureIdentity } from "@attune/ml/features/identity";
import { assertSameFeatures, type Head, loadHead } from "@attune/ml/heads/head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { type Golden, goldenSchema, type Release, type ReleaseFileName } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Hashing } from "../ports.js";

/** A release at work: what turns text into features, and the prior head that reads them. */
export interface Pair {
  readonly release: Release;
  readonly prior: Head;
  /** Features of one text, after the DR: (featureSize). */
  extract(text: string): Float32Array;
  encodeIds(ids: Int32Array): Float32Array;
  readonly golden: Golden;
}

export type ReleaseFiles = ReadonlyMap<ReleaseFileName, Uint8Array>;

export interface CandidateParts {
  readonly release: Release;
  /** Already compared with the manifest's digests. */
  readonly files: ReleaseFiles;
  readonly engine: Engine;
  readonly hashing: Pick<Hashing, "sha256">;
}

/** Any sentence would do; a constant one is nobody's. */
const trialText = "How are you today?";

export async function loadPair(parts: CandidateParts): Promise<Result<Pair, UpdateReason>> {
  const identity = await recomputeIdentity(parts);
  if (identity !== parts.release.features.identity) {
    return refuse("extractorInvalid", "the features' identity is not the one that the files have");
  }
  try {
    return accept(assemble(parts));
  } catch (error) {
    // MlError and zod name the file's field; neither has seen anything but the release's own bytes.
    return refuse("extractorInvalid", error instanceof Error ? error.message : "the release cannot be loaded");
  }
}

/** Whether the pair works here: the golden vectors on this device's engine, then one inference from text to probabilities. */
export function tryPair(pair: Pair): Result<void, UpdateReason> {
  const { vectors, tolerance } = pair.golden;
  for (const [index, { ids, features }] of vectors.entries()) {
    let own: Float32Array;
    try {
      own = pair.encodeIds(Int32Array.from(ids));
    } catch {
      return refuse("goldenMismatch", `golden vector ${index} cannot be computed`);
    }
    const close = own.length === features.length && own.every((value, i) => isClose(value, features[i], tolerance));
    if (!close) return refuse("goldenMismatch", `golden vector ${index} is not reproduced within ${tolerance}`);
  }
  try {
    const features = pair.extract(trialText);
    const { data } = pair.prior.probabilities(createMatrix(1, features.length, features));
    const sum = data.reduce((total, value) => total + value, 0);
    if (isClose(sum, 1, 1e-3) && data.every((value) => value >= 0)) return accept(undefined);
  } catch {
    // Told below: to the update it is the same whether it threw or answered nonsense.
  }
  return refuse("inferenceFailed", "the pair gives no probabilities for a sentence");
}

/** False for NaN on either side. */
function isClose(a: number, b: number | undefined, tolerance: number): boolean {
  return b !== undefined && Math.abs(a - b) <= tolerance;
}

async function recomputeIdentity({ release, files, hashing }: CandidateParts): Promise<string> {
  const digest = (name: ReleaseFileName) => hashing.sha256(file(files, name));
  const digests = {
    config: await digest("config.json"),
    model: await digest("model.safetensors"),
    tokenizer: await digest("tokenizer.json"),
    reduction: await digest("dr.safetensors"),
  };
  return hashing.sha256(new TextEncoder().encode(featureIdentity(digests, release.features)));
}

function assemble({ release, files, engine }: CandidateParts): Pair {
  const { features, labels, headRecipe } = release;
  const config: EncoderConfig = parseEncoderConfig(text(files, "config.json"));
  const encoder: Encoder = engine.createEncoder(config, parseSafetensors(file(files, "model.safetensors")));
  const reduction = loadDimensionalityReduction(parseSafetensors(file(files, "dr.safetensors")));
  const extractor = createFeatureExtractor({
    tokenizer: createTokenizer(text(files, "tokenizer.json")),
    encoder,
    pooling: features.pooling,
    maxTokens: features.maxTokens,
    identity: features.identity,
    reduction,
  });
  if (reduction.outputSize !== features.featureSize) {
    throw new Error(`dr.safetensors gives ${reduction.outputSize} features, the manifest says ${features.featureSize}`);
  }
  const prior = loadHead(parseSafetensors(file(files, "prior-head.safetensors")));
  assertSameFeatures(prior, { features: features.identity, classes: labels });
  if (prior.inputSize !== features.featureSize) {
    throw new Error(`the prior head takes ${prior.inputSize} features, the manifest says ${features.featureSize}`);
  }
  if (headRecipe.kind === "linear" && prior.kind !== "linear") {
    throw new Error(`the recipe is linear, the prior head is ${prior.kind}`);
  }
  return {
    release,
    prior,
    golden: goldenSchema.parse(JSON.parse(text(files, "golden.json"))),
    extract: extractor.extract,
    encodeIds: extractor.encodeIds,
  };
}

function file(files: ReleaseFiles, name: ReleaseFileName): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Error(`${name} is missing`);
  return bytes;
}

function text(files: ReleaseFiles, name: ReleaseFileName): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(file(files, name));
}
