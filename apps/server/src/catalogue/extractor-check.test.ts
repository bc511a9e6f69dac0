import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ReleaseFileName, releaseFileNames } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";
import { checkExtractor, type ExtractorFiles } from "./extractor-check.js";

const folder = fileURLToPath(new URL("../../../../assets/extractor/", import.meta.url));
const bundled = Object.fromEntries(
  releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(`${folder}${name}`))]),
) as unknown as ExtractorFiles;

const edit = (name: ReleaseFileName, change: (text: string) => string): ExtractorFiles => ({
  ...bundled,
  [name]: new TextEncoder().encode(change(new TextDecoder().decode(bundled[name]))),
});
const replace = (name: ReleaseFileName, bytes: Uint8Array): ExtractorFiles => ({ ...bundled, [name]: bytes });

function refusalOf(files: ExtractorFiles): unknown {
  try {
    return checkExtractor(files);
  } catch (error) {
    return error;
  }
}

test("the bundled extractor reproduces its own golden vectors", () => {
  const { features, classes } = checkExtractor(bundled);
  expect(features.identity).toMatch(/^[0-9a-f]{64}$/);
  expect(classes).toHaveLength(7);
});

describe("a folder is refused by the name of the file at fault", () => {
  const golden = JSON.parse(new TextDecoder().decode(bundled["golden.json"]));
  const withVector = (change: (vector: { ids: number[]; features: number[] }) => void) =>
    edit("golden.json", () => {
      const copy = structuredClone(golden);
      change(copy.vectors.at(-1));
      return JSON.stringify(copy);
    });

  test.each<[string, string, ExtractorFiles]>([
    ["config.json", "attune", edit("config.json", (text) => text.replace('"pooling"', '"puling"'))],
    [
      "config.json",
      "hidden_size",
      edit("config.json", (text) => text.replace('"hidden_size": 384', '"hidden_size": 385')),
    ],
    ["config.json", "JSON", edit("config.json", (text) => text.slice(1))],
    ["model.safetensors", "truncated", replace("model.safetensors", bundled["model.safetensors"].subarray(0, 100_000))],
    ["tokenizer.json", "model.type", edit("tokenizer.json", () => "{}")],
    ["dr.safetensors", "kind", replace("dr.safetensors", bundled["model.safetensors"])],
    ["prior-head.safetensors", "classes", replace("prior-head.safetensors", bundled["dr.safetensors"])],
    ["prior-head.safetensors", "features", edit("config.json", (text) => `${text}\n`)],
    ["golden.json", "tolerance", edit("golden.json", (text) => text.replace('"tolerance":', '"tolerance":9'))],
    [
      "golden.json",
      "off by",
      withVector((vector) => {
        vector.features[3]! += 0.01;
      }),
    ],
    ["golden.json", "features, the extractor computes", withVector((vector) => vector.features.pop())],
    [
      "golden.json",
      "vocabulary",
      withVector((vector) => {
        vector.ids[1] = 1_000_000;
      }),
    ],
  ])("%s (%s)", (name, words, files) => {
    const refusal = refusalOf(files);
    expect(refusal).toMatchObject({ code: "INVALID_EXTRACTOR", message: expect.stringContaining(`${name}: `) });
    expect(refusal).toMatchObject({ message: expect.stringContaining(words) });
  });
});
