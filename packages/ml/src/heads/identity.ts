// Compares the identities of two heads, or of a head and a feature extractor.

import { MlError } from "../error.js";

/** The features and classes on which a head was trained. A head cannot replace a head of another identity. */
export interface HeadIdentity {
  /** FeatureExtractor.identity */
  readonly features: string;
  /** In the order of the columns of `probabilities`. */
  readonly classes: readonly string[];
}

/** Throws `mismatch`, naming both identities, unless features and classes (in order) are the same. */
export function refuseOtherIdentity(what: string, own: HeadIdentity, wanted: HeadIdentity): void {
  if (own.features !== wanted.features) {
    throw new MlError(
      "mismatch",
      `${what} was trained on features ${own.features} and refuses features ${wanted.features}; train it on those`,
    );
  }
  const ours = own.classes.join(", ");
  const theirs = wanted.classes.join(", ");
  if (own.classes.length !== wanted.classes.length || own.classes.some((name, i) => name !== wanted.classes[i])) {
    throw new MlError("mismatch", `${what} distinguishes the classes (${ours}), not (${theirs})`);
  }
}
