// A head: the classifier C on frozen features. What all kinds share, how one is read back, and the rule that it refuses other features.
import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { withStoredTemperature } from "./calibrated.js";
import { loadElm } from "./elm.js";
import { readHeader } from "./head-file.js";
import type { HeadKernels } from "./head-kernels.js";
import { refuseOtherIdentity } from "./identity.js";
import { loadLinear } from "./linear.js";
import { loadOselm } from "./oselm.js";

export type HeadKind = "linear" | "elm" | "oselm";

/** What a head was trained on. Heads of different identities cannot stand in for each other. */
export interface HeadIdentity {
  /** FeatureExtractor.identity */
  readonly features: string;
  /** In the order of the columns of `probabilities`. */
  readonly classes: readonly string[];
}

export interface Head {
  readonly kind: HeadKind;
  readonly identity: HeadIdentity;
  readonly inputSize: number;
  /** (N, inputSize) to (N, classes); rows sum to 1. Throws `shape`, `not-finite`, and `singular` when there is no solution to predict with. */
  probabilities(features: Matrix): Matrix;
  /** Equal heads give equal files. */
  save(): TensorFile;
}

/**
 * Reads any kind of head, calibrated where its file holds a temperature. Throws `malformed`, `shape`, `not-finite`, `out-of-range` or
 * `unsupported`, naming the field.
 */
export function loadHead(file: TensorFile, kernels?: HeadKernels): Head {
  return withStoredTemperature(loadPlainHead(file, kernels), file, kernels);
}

function loadPlainHead(file: TensorFile, kernels: HeadKernels | undefined): Head {
  const { kind } = readHeader(file);
  switch (kind) {
    case "linear":
      return loadLinear(file, kernels);
    case "elm":
      return loadElm(file, kernels);
    case "oselm":
      return loadOselm(file, kernels);
    default:
      throw new MlError("unsupported", `Metadata field "kind" is "${kind}"; this version reads linear, elm and oselm`);
  }
}

/** Throws `mismatch`, naming both, when the head belongs to other features or other classes than `identity`. */
export function assertSameFeatures(head: Head, identity: HeadIdentity): void {
  refuseOtherIdentity(`The ${head.kind} head`, head.identity, identity);
}
