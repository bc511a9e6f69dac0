// A head is the classifier C on frozen features. This file holds the members of all kinds, and the rule that a
// head refuses other features.

import type { Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { type HeadIdentity, refuseOtherIdentity } from "./identity.js";

export type HeadKind = "linear" | "elm" | "oselm";

export interface Head {
  readonly kind: HeadKind;
  readonly identity: HeadIdentity;
  readonly inputSize: number;
  /**
   * (N, inputSize) to (N, classes); rows sum to 1. Throws `shape`, `not-finite`, and `singular` when there is no
   * solution to predict with.
   */
  probabilities(features: Matrix): Matrix;
  /** Equal heads give equal files. */
  save(): TensorFile;
}

/**
 * Throws `mismatch`, naming both identities, when the head belongs to other features or other classes than `identity`.
 */
export function assertSameFeatures(head: Head, identity: HeadIdentity): void {
  refuseOtherIdentity(`The ${head.kind} head`, head.identity, identity);
}
