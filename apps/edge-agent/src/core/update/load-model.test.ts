// Which releases count as working on this device, and which do not.

import { createTestHashing } from "@attune/fakes/node-crypto";
import { createTinyRelease, type TinyRelease, type TinyReleaseOptions } from "@attune/fakes/tiny-release";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { bytesSource, parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { type ReleaseFileName, releaseSchema } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";
import { loadModel } from "./load-model.js";

const hashing = createTestHashing("candidate");
function tried(options: TinyReleaseOptions) {
  const { release, files: small } = createTinyRelease(options);
  const files = { model: bytesSource(small.get("model.safetensors")!), small };
  return loadModel({ release: releaseSchema.parse(release), files, engine: referenceEngine, hashing });
}

const replaced = (name: ReleaseFileName, change: (bytes: Uint8Array) => Uint8Array): TinyReleaseOptions => ({
  amendFiles: (files) => files.set(name, change(files.get(name)!)),
});

const asJson = (change: (value: Record<string, unknown>) => void) => (bytes: Uint8Array) => {
  const value = JSON.parse(new TextDecoder().decode(bytes));
  change(value);
  return canonicalBytes(value);
};

const poisoned = (tensor: string) => (bytes: Uint8Array) => {
  const file = parseSafetensors(bytes.slice());
  file.tensors.get(tensor)!.data[0] = Number.NaN;
  return serializeSafetensors(file);
};

describe("a candidate", () => {
  test("is loaded, reproduces its golden vectors and answers", async () => {
    const model = await tried({});
    if (!model.ok) throw new Error(model.detail);
    expect(model.value.extract("i am so happy .")).toHaveLength(8);
    expect(model.value.prior.identity.classes).toHaveLength(7);
  });

  test("is refused when its files do not have the features' identity it claims", async () => {
    const amend = (release: TinyRelease["release"]) => ({
      ...release,
      features: { ...release.features, identity: "a".repeat(64) },
    });
    expect(await tried({ amend })).toMatchObject({ reason: "extractorInvalid" });
    // A changed tokenizer is another extractor, even where nothing else differs.
    const other = replaced("tokenizer.json", (bytes) => new Uint8Array([...bytes, 0x20]));
    expect(await tried(other)).toMatchObject({ ok: false, reason: "extractorInvalid" });
    // The release fails as well where manifest and head agree on the identity of other files.
    const { identity } = createTinyRelease().release.features;
    const claimed = (release: TinyRelease["release"]) => ({ ...release, features: { ...release.features, identity } });
    expect(await tried({ ...other, amend: claimed })).toMatchObject({
      reason: "extractorInvalid",
      detail: expect.stringContaining("identity"),
    });
  });

  test.each<[string, TinyReleaseOptions]>([
    [
      "an unknown architecture",
      replaced(
        "config.json",
        asJson((config) => {
          config.model_type = "gpt9";
        }),
      ),
    ],
    [
      "sizes that do not fit",
      replaced(
        "config.json",
        asJson((config) => {
          config.num_attention_heads = 5;
        }),
      ),
    ],
    ["a truncated model", replaced("model.safetensors", (bytes) => bytes.slice(0, -8))],
    ["NaN in its weights", replaced("model.safetensors", poisoned("encoder.layer.0.output.dense.weight"))],
    ["NaN in its prior head", replaced("prior-head.safetensors", poisoned("weight"))],
    ["a tokenizer that is none", replaced("tokenizer.json", () => new TextEncoder().encode("{}"))],
    ["golden vectors that are none", replaced("golden.json", () => new TextEncoder().encode("{}"))],
    ["a head of other classes", { amend: (release) => ({ ...release, labels: ["joy", "fear"] }) }],
    [
      "another feature size",
      { amend: (release) => ({ ...release, features: { ...release.features, featureSize: 9 } }) },
    ],
  ])("is refused with %s", async (_, options) => {
    expect(await tried(options)).toMatchObject({ ok: false, reason: "extractorInvalid" });
  });

  test("is refused when this device's engine does not reproduce a golden vector", async () => {
    const off = replaced(
      "golden.json",
      asJson((golden) => {
        (golden.vectors as { features: number[] }[])[1]!.features[3]! += 0.01;
      }),
    );
    expect(await tried(off)).toMatchObject({ ok: false, reason: "goldenMismatch" });
    const unknownIds = replaced(
      "golden.json",
      asJson((golden) => {
        (golden.vectors as { ids: number[] }[])[0]!.ids = [99_999];
      }),
    );
    expect(await tried(unknownIds)).toMatchObject({ ok: false, reason: "goldenMismatch" });
  });
});
