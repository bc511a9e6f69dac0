// Which extractors work on an engine, and why the other extractors do not.

import { createTinyRelease, type TinyReleaseOptions } from "@attune/fakes/tiny-release";
import { describe, expect, test } from "vitest";
import type { Encoder } from "../encoder/encoder.js";
import type { Engine } from "../engine/engine.js";
import { referenceEngine } from "../engine/reference-engine.js";
import { createMatrix } from "../tensor/matrix.js";
import { bytesSource, parseSafetensors, serializeSafetensors } from "../tensor/safetensors.js";
import { type Verification, verifyExtractor } from "./verify-extractor.js";

function verification(options: TinyReleaseOptions = {}): Verification {
  const { release, files } = createTinyRelease(options);
  const file = (name: Parameters<typeof files.get>[0]) => files.get(name)!;
  return {
    engine: referenceEngine,
    files: {
      config: file("config.json"),
      model: file("model.safetensors"),
      tokenizer: file("tokenizer.json"),
      reduction: file("dr.safetensors"),
      priorHead: file("prior-head.safetensors"),
    },
    settings: release.features,
    classes: release.labels,
    golden: JSON.parse(new TextDecoder().decode(file("golden.json"))),
  };
}

const tiny = verification();

/** The reference engine, with hidden states that `change` may modify after each text. */
function engineWith(change: (data: Float32Array, textsBefore: number) => void): Engine {
  let texts = 0;
  return {
    ...referenceEngine,
    createEncoder(config, model) {
      const encoder = referenceEngine.createEncoder(config, model);
      const forward: Encoder["forward"] = (ids, mask) => {
        const output = encoder.forward(ids, mask);
        change(output.hiddenStates.at(-1)!.data, texts++);
        return output;
      };
      return { ...encoder, forward };
    },
  };
}

describe("an extractor", () => {
  test("works where its golden vectors come out and sentences get probabilities", () => {
    const verdict = verifyExtractor({ ...tiny, rounds: 3 });
    if (!verdict.ok) throw new Error(verdict.detail);
    expect(verdict.value.extractor.extract("i am happy")).toHaveLength(8);
    expect(verdict.value.prior.identity.features).toBe(tiny.settings.identity);
  });

  test("works from a source that is read a part at a time, as from bytes", () => {
    const files = { ...tiny.files, model: bytesSource(tiny.files.model as Uint8Array) };
    expect(verifyExtractor({ ...tiny, files })).toMatchObject({ ok: true });
  });

  test.each<[string, string, Partial<Verification>]>([
    ["a truncated model", "model.safetensors: ", { files: { ...tiny.files, model: new Uint8Array(9) } }],
    ["a tokenizer that is none", "tokenizer.json", { files: { ...tiny.files, tokenizer: new Uint8Array(9) } }],
    ["another config", "config.json: ", { files: { ...tiny.files, config: new TextEncoder().encode("[]") } }],
    ["a reduction of another kind", "dr.safetensors: ", { files: { ...tiny.files, reduction: tiny.files.priorHead } }],
    ["a head of other classes", "prior-head.safetensors: ", { classes: ["joy", "fear"] }],
    ["a head of other features", "prior-head.safetensors: ", { settings: { ...tiny.settings, identity: "0" } }],
  ])("with %s is invalid, and the file is named", (_, file, change) => {
    const verdict = verifyExtractor({ ...tiny, ...change });
    expect(verdict).toMatchObject({ ok: false, reason: "extractorInvalid" });
    expect(verdict.ok || verdict.detail.startsWith(file), JSON.stringify(verdict)).toBe(true);
  });

  test("with a weight that no training gives is invalid before any text meets it", () => {
    const model = parseSafetensors((tiny.files.model as Uint8Array).slice());
    (model.tensors.get("embeddings.word_embeddings.weight")!.data as Float32Array)[0] = 1e30;
    let texts = 0;
    const engine = engineWith(() => texts++);
    const verdict = verifyExtractor({ ...tiny, engine, files: { ...tiny.files, model: serializeSafetensors(model) } });
    expect(verdict).toMatchObject({ reason: "extractorInvalid", detail: expect.stringContaining("plausible") });
    expect(texts).toBe(0);
  });

  test("whose golden vectors differ by more than the tolerance, or are NaN, does not work", () => {
    const { vectors } = tiny.golden;
    const withVector = (vector: (typeof vectors)[number]) =>
      verifyExtractor({ ...tiny, golden: { ...tiny.golden, vectors: [...vectors, vector] } });
    const { ids, features } = vectors[0]!;
    const at = `golden.json: vector ${vectors.length} of ${ids.length} tokens`;
    const off = features.map((value, i) => (i === 3 ? value + 0.01 : value));
    expect(withVector({ ids, features: off })).toMatchObject({
      reason: "goldenMismatch",
      detail: expect.stringMatching(new RegExp(`^${at} is off by 0\\.\\d+, over the tolerance of 0\\.0001$`)),
    });
    expect(withVector({ ids, features: features.slice(1) })).toMatchObject({
      reason: "goldenMismatch",
      detail: `${at} has 7 features, the extractor computes 8`,
    });
    expect(withVector({ ids: [99_999], features })).toMatchObject({
      reason: "goldenMismatch",
      detail: expect.stringContaining("of 1 tokens cannot be computed: "),
    });
    const nan = engineWith((data) => data.fill(Number.NaN));
    expect(verifyExtractor({ ...tiny, engine: nan })).toMatchObject({ reason: "goldenMismatch" });
  });

  test("that answers a sentence with what are no probabilities does not work", () => {
    const { length } = tiny.golden.vectors;
    const nan = engineWith((data, textsBefore) => textsBefore >= length && data.fill(Number.NaN));
    expect(verifyExtractor({ ...tiny, engine: nan })).toMatchObject({ reason: "inferenceFailed" });
    const silent: Engine = {
      ...referenceEngine,
      heads: {
        ...referenceEngine.heads,
        softmax: ({ rows }, { bias }) => createMatrix(rows, bias.length),
      },
    };
    expect(verifyExtractor({ ...tiny, engine: silent })).toMatchObject({ reason: "inferenceFailed" });
  });
});
