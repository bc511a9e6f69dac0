// Decides whether a frozen extractor may be published, by a device's own checks, on the reference engine.

import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { featureIdentity } from "@attune/ml/features/identity";
import { type FeatureSettings, parseFeatureSettings } from "@attune/ml/features/settings";
import { verifyExtractor } from "@attune/ml/features/verify-extractor";
import { sha256 } from "@attune/platform/sha256";
import { type ReadGolden, readGolden } from "@attune/shared/contracts/golden";
import type { Release, ReleaseFileName } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";

export type ExtractorFiles = Readonly<Record<ReleaseFileName, Uint8Array>>;
interface CheckedExtractor {
  readonly features: Release["features"];
  /** The prior head's classes, in its order. */
  readonly classes: readonly string[];
  readonly golden: ReadGolden;
}

/** Throws INVALID_EXTRACTOR naming the file and its fault. */
export function checkExtractor(files: ExtractorFiles): CheckedExtractor {
  const settings = readSettings(files["config.json"]);
  const identity = sha256(featureIdentity((name) => sha256(files[name]), settings));
  const golden = readGolden(files["golden.json"]);
  if (!golden.ok) throw new AppError("INVALID_EXTRACTOR", golden.detail);
  const verdict = verifyExtractor({
    engine: referenceEngine,
    files: {
      config: files["config.json"],
      model: files["model.safetensors"],
      tokenizer: files["tokenizer.json"],
      reduction: files["dr.safetensors"],
      priorHead: files["prior-head.safetensors"],
    },
    settings: { ...settings, identity },
    golden: golden.value,
  });
  if (!verdict.ok) throw new AppError("INVALID_EXTRACTOR", verdict.detail);
  const { extractor, prior } = verdict.value;
  const features = { ...settings, identity, featureSize: extractor.featureSize };
  return { features, classes: prior.identity.classes, golden: golden.value };
}

function readSettings(config: Uint8Array): FeatureSettings {
  try {
    return parseFeatureSettings(new TextDecoder("utf-8", { fatal: true }).decode(config));
  } catch (cause) {
    throw new AppError("INVALID_EXTRACTOR", (cause as Error).message, { cause });
  }
}
