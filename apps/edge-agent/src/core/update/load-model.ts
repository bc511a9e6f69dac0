// From a slot's checked files to a model that answers on this device.

import type { Engine } from "@attune/ml/engine/engine";
import { featureIdentity } from "@attune/ml/features/identity";
import { warmUpRounds } from "@attune/ml/features/open-extractor";
import { verifyExtractor, type WorkingExtractor } from "@attune/ml/features/verify-extractor";
import type { ByteSource } from "@attune/ml/tensor/safetensors";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { readGolden } from "@attune/shared/contracts/golden";
import { slugsOf } from "@attune/shared/contracts/label-set";
import type { Release, ReleaseFileName } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Hashing } from "../ports.js";
import type { Model } from "../prediction/model.js";

export interface ReleaseFiles {
  /** model.safetensors, of which a few rows are read at a time. */
  readonly model: ByteSource;
  /** All other files. */
  readonly small: ReadonlyMap<ReleaseFileName, Uint8Array>;
}

interface LoadModelParts {
  readonly release: Release;
  /** Already compared with the manifest's digests. */
  readonly files: ReleaseFiles;
  readonly engine: Engine;
  readonly hashing: Pick<Hashing, "sha256">;
}

/**
 * The model, once it has been found to work here and to be what its manifest says. The sentences that it answers
 * are also its warm-up.
 */
export async function loadModel(parts: LoadModelParts): Promise<Result<Model, UpdateReason>> {
  const { release, files, engine } = parts;
  const { features, labels } = release;
  const identity = await identityOf(parts);
  if (identity !== features.identity) {
    return refuse("extractorInvalid", "the features' identity is not the one that the files have");
  }
  const small = (name: ReleaseFileName) => files.small.get(name) ?? new Uint8Array();
  const golden = readGolden(small("golden.json"));
  if (!golden.ok) return refuse("extractorInvalid", golden.detail);
  const verdict = verifyExtractor({
    engine,
    files: {
      config: small("config.json"),
      model: files.model,
      tokenizer: small("tokenizer.json"),
      reduction: small("dr.safetensors"),
      priorHead: small("prior-head.safetensors"),
    },
    settings: features,
    classes: slugsOf(labels),
    golden: golden.value,
    rounds: warmUpRounds,
  });
  if (!verdict.ok) return verdict;
  const { extractor, prior } = verdict.value;
  const contradiction = contradictionOf(release, verdict.value);
  if (contradiction !== undefined) return refuse("extractorInvalid", contradiction);
  return accept({ release, prior, extract: extractor.extract });
}

/** A claim of the manifest that does not hold for the model. */
function contradictionOf(
  { features, headRecipe }: Release,
  { extractor, prior }: WorkingExtractor,
): string | undefined {
  if (extractor.featureSize !== features.featureSize) {
    return `dr.safetensors gives ${extractor.featureSize} features, the manifest says ${features.featureSize}`;
  }
  if (headRecipe.kind === "linear" && prior.kind !== "linear") {
    return `the recipe is linear, the prior head is ${prior.kind}`;
  }
  return undefined;
}

/**
 * Computed from the manifest's digests, which the files are already known to have. Hashing the model twice would be a
 * tenth of a start.
 */
async function identityOf({ release, hashing }: LoadModelParts): Promise<string> {
  const digest = (name: ReleaseFileName): string => release.files.find((listed) => listed.name === name)!.sha256;
  return hashing.sha256(new TextEncoder().encode(featureIdentity(digest, release.features)));
}
