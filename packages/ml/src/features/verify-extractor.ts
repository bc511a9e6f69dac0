// Verifies that a frozen extractor works. Freezing, publishing and updating call this check, each with the engine and
// the bytes that it has.

import { parseEncoderConfig } from "../encoder/config.js";
import type { Engine } from "../engine/engine.js";
import { inFile, MlError } from "../error.js";
import { assertSameFeatures, type Head } from "../heads/head.js";
import { loadHead } from "../heads/load-head.js";
import { createMatrix } from "../tensor/matrix.js";
import { parseSafetensors } from "../tensor/safetensors.js";
import type { FeatureExtractor } from "./extractor.js";
import {
  type ExtractorFiles,
  type ExtractorSettings,
  openFeatureExtractor,
  openTensors,
  textOf,
  warmUpTexts,
} from "./open-extractor.js";
import { assertPlausible } from "./plausible.js";

/**
 * `extractorInvalid`: a file is malformed or implausible, or does not fit the other files.
 * `goldenMismatch`: the engine computes features that differ from the golden vectors.
 * `inferenceFailed`: the extractor gives no probabilities for a sentence.
 */
type ExtractorFault = "extractorInvalid" | "goldenMismatch" | "inferenceFailed";

interface FrozenFiles extends ExtractorFiles {
  /** prior-head.safetensors. */
  readonly priorHead: Uint8Array;
}

/** golden.json: token ids, and the features that the reference engine computed for them. */
interface GoldenVectors {
  readonly tolerance: number;
  readonly vectors: readonly { readonly ids: readonly number[]; readonly features: readonly number[] }[];
}

export interface Verification {
  readonly engine: Engine;
  readonly files: FrozenFiles;
  readonly settings: ExtractorSettings;
  /** The classes that the prior head must have, in this order. Without them, its own classes are taken. */
  readonly classes?: readonly string[];
  readonly golden: GoldenVectors;
  /** How often each sentence is predicted; a device warms up by these predictions. Default 1. */
  readonly rounds?: number;
}

export interface WorkingExtractor {
  readonly extractor: FeatureExtractor;
  readonly prior: Head;
}

type Verdict =
  | { readonly ok: true; readonly value: WorkingExtractor }
  | { readonly ok: false; readonly reason: ExtractorFault; readonly detail: string };

/**
 * Opens every file with the parsers that devices use, bounds the weights, computes the golden vectors and predicts
 * sentences. The detail names the file and its fault, and repeats nothing but content of the files.
 */
export function verifyExtractor(verification: Verification): Verdict {
  let opened: WorkingExtractor;
  try {
    opened = open(verification);
  } catch (error) {
    return { ok: false, reason: "extractorInvalid", detail: (error as Error).message };
  }
  const mismatch = goldenMismatch(verification.golden, opened.extractor);
  if (mismatch !== undefined) return { ok: false, reason: "goldenMismatch", detail: `golden.json: ${mismatch}` };
  if (!answersSentences(opened, verification.rounds ?? 1)) {
    return {
      ok: false,
      reason: "inferenceFailed",
      detail: "the extractor and its prior head give no probabilities for a sentence",
    };
  }
  return { ok: true, value: opened };
}

function open({ engine, files, settings, classes }: Verification): WorkingExtractor {
  const extractor = openFeatureExtractor(engine, files, settings);
  const priorHead = inFile("prior-head.safetensors", () => parseSafetensors(files.priorHead));
  const prior = inFile("prior-head.safetensors", () => {
    const head = loadHead(priorHead, engine.heads);
    assertSameFeatures(head, { features: settings.identity, classes: classes ?? head.identity.classes });
    if (head.inputSize === extractor.featureSize) return head;
    throw new MlError("mismatch", `takes ${head.inputSize} features where the DR gives ${extractor.featureSize}`);
  });
  assertPlausible({
    config: parseEncoderConfig(textOf(files.config)),
    model: openTensors(files.model),
    reduction: parseSafetensors(files.reduction),
    priorHead,
  });
  return { extractor, prior };
}

/** The first vector that is not reproduced, and its difference. */
function goldenMismatch({ vectors, tolerance }: GoldenVectors, extractor: FeatureExtractor): string | undefined {
  for (const [index, { ids, features }] of vectors.entries()) {
    const which = `vector ${index} of ${ids.length} tokens`;
    let own: Float32Array;
    try {
      own = extractor.encodeIds(Int32Array.from(ids));
    } catch (error) {
      return `${which} cannot be computed: ${(error as Error).message}`;
    }
    if (own.length !== features.length) {
      return `${which} has ${features.length} features, the extractor computes ${own.length}`;
    }
    const difference = largestDifference(own, features);
    // NaN is within no tolerance.
    if (!(difference <= tolerance)) return `${which} is off by ${difference}, over the tolerance of ${tolerance}`;
  }
  return undefined;
}

function largestDifference(own: Float32Array, expected: readonly number[]): number {
  let largest = 0;
  for (const [i, value] of own.entries()) largest = Math.max(largest, Math.abs(value - expected[i]!));
  return largest;
}

/** Computes probabilities from text. An engine that throws and an engine that answers nonsense both fail. */
function answersSentences(opened: WorkingExtractor, rounds: number): boolean {
  try {
    return Array.from({ length: rounds }, () => warmUpTexts.every((text) => answers(opened, text))).every(Boolean);
  } catch {
    return false;
  }
}

function answers({ extractor, prior }: WorkingExtractor, text: string): boolean {
  const features = extractor.extract(text);
  const { data } = prior.probabilities(createMatrix(1, features.length, features));
  const sum = data.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) <= 1e-3 && data.every((value) => value >= 0);
}
