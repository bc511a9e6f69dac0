// The identity of features: two heads may be compared, and a head may be used, only if their features have the same identity.
import type { FeatureSettings } from "./settings.js";

export interface FeatureDigests {
  /** Lower-case hexadecimal SHA-256 of the files' bytes, exactly as shipped. */
  readonly config: string;
  readonly model: string;
  readonly tokenizer: string;
  readonly reduction: string;
}

/**
 * The text whose SHA-256 is the identity of the features; the caller computes that hash, in lower-case hexadecimal.
 * The text has one line per part, in a fixed order, so that no two different sets of parts share a text.
 */
export function featureIdentity(digests: FeatureDigests, settings: FeatureSettings): string {
  for (const name of ["config", "model", "tokenizer", "reduction"] as const) {
    if (!/^[0-9a-f]{64}$/.test(digests[name])) {
      throw new TypeError(`feature identity: the digest of ${name} is not a lower-case hexadecimal SHA-256`);
    }
  }
  return [
    "attune-features-1",
    `config ${digests.config}`,
    `model ${digests.model}`,
    `tokenizer ${digests.tokenizer}`,
    `reduction ${digests.reduction}`,
    `pooling ${settings.pooling}`,
    `max-tokens ${settings.maxTokens}`,
    "",
  ].join("\n");
}
