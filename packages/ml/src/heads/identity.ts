// Comparing what two heads, or a head and a feature extractor, were made for.
import { MlError } from "../error.js";

/** What a head was trained on. Heads of different identities cannot stand in for each other. */
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
    throw new MlError("mismatch", `${what} tells apart the classes (${ours}), not (${theirs})`);
  }
}
