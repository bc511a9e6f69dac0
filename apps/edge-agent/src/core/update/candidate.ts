// From a slot's checked files to a pair that answers: everything parsed, the golden vectors reproduced, one inference made.

import { parseEncoderConfig } from "@attune/ml/encoder/config";
import type { Engine } from "@attune/ml/engine/engine";
import { featureIdentity } from "@attune/ml/features/identity";
import { openFeatureExtractor, warmUpRounds, warmUpTexts } from "@attune/ml/features/open-extractor";
import { assertPlausible } from "@attune/ml/features/plausible";
import { assertSameFeatures } from "@attune/ml/heads/head";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { type ByteSource, openSafetensors, parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { goldenSchema, type Release, type ReleaseFileName } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Pair } from "../pair.js";
import type { Hashing } from "../ports.js";

export interface ReleaseFiles {
  /** model.safetensors, of which a few rows are read at a time. */
  readonly model: ByteSource;
  /** All others. */
  readonly small: ReadonlyMap<ReleaseFileName, Uint8Array>;
}

export interface CandidateParts {
  readonly release: Release;
  /** Already compared with the manifest's digests. */
  readonly files: ReleaseFiles;
  readonly engine: Engine;
  readonly hashing: Pick<Hashing, "sha256">;
}

export async function loadPair(parts: CandidateParts): Promise<Result<Pair, UpdateReason>> {
  const identity = await identityOf(parts);
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

/**
 * Whether the pair works here: the golden vectors on this device's engine, then a few inferences from text to probabilities. They are also its
 * warm-up: what a prediction runs through (kernels in WebAssembly, the tokenizer's tables beyond ASCII) has been compiled before the person's
 * first sentence.
 */
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
    for (let round = 0; round < warmUpRounds; round++) {
      if (!warmUpTexts.every((text) => answers(pair, text))) return inferenceFailed;
    }
    return accept(undefined);
  } catch {
    // To the update it is the same whether it threw or answered nonsense.
    return inferenceFailed;
  }
}

const inferenceFailed = refuse("inferenceFailed" as const, "the pair gives no probabilities for a sentence");

/** One real inference, from text to probabilities. */
function answers({ extract, prior }: Pair, text: string): boolean {
  const features = extract(text);
  const { data } = prior.probabilities(createMatrix(1, features.length, features));
  const sum = data.reduce((total, value) => total + value, 0);
  return isClose(sum, 1, 1e-3) && data.every((value) => value >= 0);
}

/** False for NaN on either side. */
function isClose(a: number, b: number | undefined, tolerance: number): boolean {
  return b !== undefined && Math.abs(a - b) <= tolerance;
}

/** From the manifest's digests, which the files have already been found to have: hashing the model twice would be a tenth of a start. */
async function identityOf({ release, hashing }: CandidateParts): Promise<string> {
  const digest = (name: ReleaseFileName): string => release.files.find((listed) => listed.name === name)!.sha256;
  const digests = {
    config: digest("config.json"),
    model: digest("model.safetensors"),
    tokenizer: digest("tokenizer.json"),
    reduction: digest("dr.safetensors"),
  };
  return hashing.sha256(new TextEncoder().encode(featureIdentity(digests, release.features)));
}

function assemble({ release, files, engine }: CandidateParts): Pair {
  const { features, labels, headRecipe } = release;
  const bytes = {
    config: file(files, "config.json"),
    model: files.model,
    tokenizer: file(files, "tokenizer.json"),
    reduction: file(files, "dr.safetensors"),
  };
  const { pooling, maxTokens, identity } = features;
  const priorHead = parseSafetensors(file(files, "prior-head.safetensors"));
  assertPlausible({
    config: parseEncoderConfig(new TextDecoder().decode(bytes.config)),
    model: openSafetensors(bytes.model),
    reduction: parseSafetensors(bytes.reduction),
    priorHead,
  });
  const extractor = openFeatureExtractor(engine, bytes, { pooling, maxTokens, identity });
  if (extractor.featureSize !== features.featureSize) {
    throw new Error(
      `dr.safetensors gives ${extractor.featureSize} features, the manifest says ${features.featureSize}`,
    );
  }
  const prior = loadHead(priorHead, engine.heads);
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
    golden: goldenSchema.parse(JSON.parse(new TextDecoder().decode(file(files, "golden.json")))),
    extract: extractor.extract,
    encodeIds: extractor.encodeIds,
  };
}

function file({ small }: ReleaseFiles, name: ReleaseFileName): Uint8Array {
  const bytes = small.get(name);
  if (bytes === undefined) throw new Error(`${name} is missing`);
  return bytes;
}
