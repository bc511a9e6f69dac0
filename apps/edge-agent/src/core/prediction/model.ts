// The model that answers: the extractor of one release with its prior head.

import type { Head } from "@attune/ml/heads/head";
import type { Release } from "@attune/shared/contracts/release";

/** A release at work: the extractor turns text into features, and the prior head reads them. */
export interface Model {
  readonly release: Release;
  readonly prior: Head;
  /** Features of one text, after the DR: (featureSize). */
  extract(text: string): Float32Array;
}
