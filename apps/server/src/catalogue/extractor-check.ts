// Whether a frozen extractor is what it claims to be: every file is read by the parsers that devices use, the golden vectors
// are computed again on the reference engine, and one text goes all the way to probabilities.
import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import { type Pooling, poolings } from "@attune/ml/encoder/pooling";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import {
  type DimensionalityReduction,
  loadDimensionalityReduction,
} from "@attune/ml/features/dimensionality-reduction";
import { createFeatureExtractor, type FeatureExtractor } from "@attune/ml/features/extractor";
import { featureIdentity } from "@attune/ml/features/identity";
import { assertPlausible } from "@attune/ml/features/plausible";
import { assertSameFeatures } from "@attune/ml/heads/head";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import { type Golden, goldenSchema, type Release, type ReleaseFileName } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { sha256Of } from "../content/chunk-store.js";

export type ExtractorFiles = Readonly<Record<ReleaseFileName, Uint8Array>>;
export type CheckedExtractor = Pick<Release, "features" | "labels">;

const settingsSchema = z.looseObject({
  attune: z.looseObject({ pooling: z.enum(poolings), maxTokens: z.int().min(3).max(512) }),
});

/** Throws INVALID_EXTRACTOR naming the file and what is wrong with it. */
export function checkExtractor(files: ExtractorFiles): CheckedExtractor {
  const { config, pooling, maxTokens } = readFile("config.json", () => readConfig(files["config.json"]));
  const model = readFile("model.safetensors", () => parseSafetensors(files["model.safetensors"]));
  const encoder = readFile("model.safetensors", () => referenceEngine.createEncoder(config, model));
  const tokenizer = readFile("tokenizer.json", () => createTokenizer(decodeText(files["tokenizer.json"])));
  const identity = sha256Of(
    new TextEncoder().encode(
      featureIdentity(
        {
          config: sha256Of(files["config.json"]),
          model: sha256Of(files["model.safetensors"]),
          tokenizer: sha256Of(files["tokenizer.json"]),
          reduction: sha256Of(files["dr.safetensors"]),
        },
        { pooling, maxTokens },
      ),
    ),
  );
  const extractor = readFile("tokenizer.json", () =>
    createFeatureExtractor({ tokenizer, encoder, pooling, identity, maxTokens }),
  );
  const reduction = readFile("dr.safetensors", () => readReduction(files["dr.safetensors"], extractor.featureSize));
  const golden = readFile("golden.json", () => goldenSchema.parse(JSON.parse(decodeText(files["golden.json"]))));
  readFile("golden.json", () => reproduce(golden, extractor, reduction));
  readFile("prior-head.safetensors", () => {
    const head = loadHead(parseSafetensors(files["prior-head.safetensors"]));
    assertSameFeatures(head, { features: identity, classes: emotionLabels });
    if (head.inputSize !== reduction.outputSize) {
      throw new Error(`takes ${head.inputSize} features where the DR gives ${reduction.outputSize}`);
    }
    head.probabilities(reduction.apply(asRow(extractor.extract("one, two, three"))));
  });
  // Devices refuse it otherwise.
  readFile("model.safetensors", () =>
    assertPlausible({
      config,
      model,
      reduction: parseSafetensors(files["dr.safetensors"]),
      priorHead: parseSafetensors(files["prior-head.safetensors"]),
    }),
  );
  return {
    features: { identity, pooling, maxTokens, featureSize: reduction.outputSize },
    labels: [...emotionLabels],
  };
}

function readConfig(bytes: Uint8Array): { config: EncoderConfig; pooling: Pooling; maxTokens: number } {
  const json = decodeText(bytes);
  const settings = settingsSchema.safeParse(JSON.parse(json));
  if (!settings.success) {
    throw new Error(`attune: { "pooling": ${poolings.join(" | ")}, "maxTokens": 3 to 512 } is missing or wrong`);
  }
  const { pooling, maxTokens } = settings.data.attune;
  return { config: parseEncoderConfig(json), pooling, maxTokens };
}

function readReduction(bytes: Uint8Array, pooledSize: number): DimensionalityReduction {
  const reduction = loadDimensionalityReduction(parseSafetensors(bytes));
  if (reduction.inputSize !== pooledSize) {
    throw new Error(`takes ${reduction.inputSize} features where the encoder gives ${pooledSize}`);
  }
  return reduction;
}

function reproduce(golden: Golden, extractor: FeatureExtractor, reduction: DimensionalityReduction): void {
  for (const [index, { ids, features: expected }] of golden.vectors.entries()) {
    const actual = reduction.apply(asRow(extractor.encodeIds(Int32Array.from(ids)))).data;
    if (actual.length !== expected.length) {
      throw new Error(`vector ${index} has ${expected.length} features, the extractor computes ${actual.length}`);
    }
    let largest = 0;
    for (const [i, value] of actual.entries()) largest = Math.max(largest, Math.abs(value - (expected[i] as number)));
    if (!(largest <= golden.tolerance)) {
      throw new Error(`vector ${index} is off by ${largest}, over the tolerance of ${golden.tolerance}`);
    }
  }
}

function asRow(features: Float32Array): Matrix {
  return createMatrix(1, features.length, features);
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** Whatever a parser has against a file, said with the file's name. */
function readFile<T>(name: ReleaseFileName, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? cause.issues
            .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
            .slice(0, 3)
            .join("; ")
        : (cause as Error).message;
    throw new AppError("INVALID_EXTRACTOR", `${name}: ${why}`, { cause });
  }
}
