// The identity must change with every part that changes a feature, and with nothing else.
import { describe, expect, it } from "vitest";
import { featureIdentity } from "./identity.js";

const digests = { config: "a".repeat(64), model: "b".repeat(64), tokenizer: "c".repeat(64), reduction: "d".repeat(64) };
const settings = { pooling: "mean-max", maxTokens: 32 } as const;

describe("featureIdentity", () => {
  it("is the same text for the same parts", () => {
    expect(featureIdentity({ ...digests }, { ...settings })).toBe(featureIdentity(digests, settings));
  });

  it("changes with every digest and with every setting", () => {
    const texts = new Set([featureIdentity(digests, settings)]);
    for (const name of ["config", "model", "tokenizer", "reduction"]) {
      texts.add(featureIdentity({ ...digests, [name]: "e".repeat(64) }, settings));
    }
    texts.add(featureIdentity(digests, { ...settings, pooling: "mean" }));
    texts.add(featureIdentity(digests, { ...settings, maxTokens: 16 }));
    expect(texts.size).toBe(7);
  });

  it("refuses a digest that is not one and names it", () => {
    expect(() => featureIdentity({ ...digests, model: "B".repeat(64) }, settings)).toThrow(/digest of model/);
  });
});
