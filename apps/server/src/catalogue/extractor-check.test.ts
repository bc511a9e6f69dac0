import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plainGolden, readGolden } from "@attune/shared/contracts/golden";
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

test("an update of the bundled extractor that changes DR, prior head and golden vectors downloads less than 100 kB", () => {
  const size = (name: ReleaseFileName) => bundled[name].length;
  expect(size("golden.json")).toBeLessThan(20_000);
  expect(size("dr.safetensors") + size("prior-head.safetensors") + size("golden.json")).toBeLessThan(100_000);
});

test("one feature of the compact golden vectors that is off by two tolerances is found, whichever it is", () => {
  const golden = JSON.parse(new TextDecoder().decode(bundled["golden.json"]));
  const verdictOf = (vector: number, feature: number) => {
    const copy = structuredClone(golden);
    const features = Buffer.from(copy.vectors[vector].features, "base64");
    const wrong = features.readInt16LE(2 * feature) + Math.ceil((2 * golden.tolerance) / golden.step);
    features.writeInt16LE(wrong, 2 * feature);
    copy.vectors[vector].features = features.toString("base64");
    return () => checkExtractor(edit("golden.json", () => JSON.stringify(copy)));
  };
  for (const [vector, feature] of [
    [0, 0],
    [3, 391],
    [7, 767],
  ] as const) {
    expect(verdictOf(vector, feature)).toThrow(`vector ${vector} of`);
  }
});

describe("a folder is refused by the name of the file at fault", () => {
  const withVector = (change: (vector: { ids: number[]; features: number[] }) => void) => {
    const golden = readGolden(bundled["golden.json"]);
    if (!golden.ok) throw new Error(golden.detail);
    const vectors = golden.value.vectors.map(({ ids, features }) => ({ ids: [...ids], features: [...features] }));
    change(vectors.at(-1)!);
    return replace("golden.json", plainGolden({ ...golden.value, vectors }));
  };

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
