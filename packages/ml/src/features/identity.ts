// The identity of features: two heads may be compared, and a head may be used, only if their features
// have the same identity.

import type { FeatureSettings } from "./settings.js";

/** The files that decide the features, by their names in the identity's text. */
const parts = {
  config: "config.json",
  model: "model.safetensors",
  tokenizer: "tokenizer.json",
  reduction: "dr.safetensors",
} as const;
type FeatureFileName = (typeof parts)[keyof typeof parts];

/**
 * The text whose SHA-256 is the identity of the features; the caller computes that hash, in lower-case hexadecimal.
 * The text has one line per part, in a fixed order, so that no two different sets of parts share a text.
 * `digestOf` gives the lower-case hexadecimal SHA-256 of a file's bytes, exactly as shipped.
 */
export function featureIdentity(digestOf: (name: FeatureFileName) => string, settings: FeatureSettings): string {
  const lines = Object.entries(parts).map(([part, name]) => {
    const digest = digestOf(name);
    if (/^[0-9a-f]{64}$/.test(digest)) return `${part} ${digest}`;
    throw new TypeError(`feature identity: the digest of ${part} is not a lower-case hexadecimal SHA-256`);
  });
  return ["attune-features-1", ...lines, `pooling ${settings.pooling}`, `max-tokens ${settings.maxTokens}`, ""].join(
    "\n",
  );
}
