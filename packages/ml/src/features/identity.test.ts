// The identity must change with every part that changes a feature, and with nothing else.

import { describe, expect, test } from "vitest";
import { featureIdentity as identityOf } from "./identity.js";
import type { FeatureSettings } from "./settings.js";

const digests = {
  "config.json": "a".repeat(64),
  "model.safetensors": "b".repeat(64),
  "tokenizer.json": "c".repeat(64),
  "dr.safetensors": "d".repeat(64),
};
const settings = { pooling: "mean-max", maxTokens: 32 } as const;

const featureIdentity = (given: typeof digests, chosen: FeatureSettings) => identityOf((name) => given[name], chosen);

describe("featureIdentity", () => {
  test("is the same text for the same parts", () => {
    expect(featureIdentity({ ...digests }, { ...settings })).toBe(featureIdentity(digests, settings));
  });

  test("changes with every digest and with every setting", () => {
    const texts = new Set([featureIdentity(digests, settings)]);
    for (const name of Object.keys(digests)) {
      texts.add(featureIdentity({ ...digests, [name]: "e".repeat(64) }, settings));
    }
    texts.add(featureIdentity(digests, { ...settings, pooling: "mean" }));
    texts.add(featureIdentity(digests, { ...settings, maxTokens: 16 }));
    expect(texts.size).toBe(7);
  });

  test("refuses a digest that is not one and names it", () => {
    expect(() => featureIdentity({ ...digests, "model.safetensors": "B".repeat(64) }, settings)).toThrow(
      /digest of model/,
    );
  });
});
