// The settings of a feature extractor, which its config.json holds under "attune".

import { readConfigObject } from "../encoder/config.js";
import { type Pooling, poolings } from "../encoder/pooling.js";
import { MlError } from "../error.js";

export interface FeatureSettings {
  readonly pooling: Pooling;
  /** Longer texts are cut to this many tokens, [CLS] and [SEP] included. */
  readonly maxTokens: number;
}

/** The largest number of tokens that a release may read. */
const tokenLimit = 512;

/** Throws `malformed` for a config.json that is not JSON, or whose settings are missing or outside their domains. */
export function parseFeatureSettings(configJson: string): FeatureSettings {
  const attune = (readConfigObject(configJson).attune ?? {}) as Readonly<Record<string, unknown>>;
  const pooling = poolings.find((name) => name === attune.pooling);
  const maxTokens = Number(attune.maxTokens);
  const isInRange = Number.isInteger(attune.maxTokens) && maxTokens >= 3 && maxTokens <= tokenLimit;
  if (pooling !== undefined && isInRange) return { pooling, maxTokens };
  const wanted = `{ "pooling": ${poolings.join(" | ")}, "maxTokens": 3 to ${tokenLimit} }`;
  throw new MlError("malformed", `config.json: attune: ${wanted} is missing or wrong`);
}
