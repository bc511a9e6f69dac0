import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { createRandom } from "../tensor/random.js";
import { parseSafetensors, serializeSafetensors, type TensorFile } from "../tensor/safetensors.js";
import { fitElm } from "./elm.js";
import { assertSameFeatures, type Head } from "./head.js";
import type { ElmRecipe } from "./hidden-layer.js";
import { fitLinear, type LinearRecipe } from "./linear.js";
import { loadHead } from "./load-head.js";
import { createOselm, type OselmHead } from "./oselm.js";

const identity = { features: "f00d", classes: ["neutral", "joy", "Ärger 😠"] };
const rows = labelledRows({ rows: 40, inputSize: 5, classes: 3, seed: 1 });
const fresh = labelledRows({ rows: 9, inputSize: 5, classes: 3, seed: 2 }).features;
const elmRecipe: ElmRecipe = { hidden: 12, activation: "tanh", l2: 0.5, seed: 2 };
const linearRecipe: LinearRecipe = {
  optimizer: "lbfgs",
  learningRate: 0.01,
  epochs: 1,
  batchSize: 64,
  l2: 0.1,
  classWeights: "balanced",
};

const linear = fitLinear({ ...rows, identity, recipe: linearRecipe, random: createRandom(1) });
const elm = fitElm({ ...rows, identity, recipe: elmRecipe });
function createLearned(prior?: typeof elm): OselmHead {
  const head = createOselm({ identity, inputSize: 5, recipe: elmRecipe, ...(prior && { prior }) });
  head.update(rows.features, rows.labels);
  return head;
}

const heads: [string, Head][] = [
  ["linear", linear],
  ["elm", elm],
  ["oselm", createLearned()],
  ["oselm with a prior", createLearned(elm)],
];

function throughBytes(file: TensorFile): TensorFile {
  return parseSafetensors(serializeSafetensors(file));
}

function withMetadata(head: Head, changes: Record<string, string>): TensorFile {
  const file = head.save();
  return { ...file, metadata: { ...file.metadata, ...changes } };
}

describe.each(heads)("A saved head: %s", (_, head) => {
  test("comes back with the same identity, recipe and answers, to the bit", () => {
    const loaded = loadHead(throughBytes(head.save()));
    expect(loaded).toMatchObject({ kind: head.kind, identity, inputSize: 5 });
    expect(loaded.probabilities(fresh)).toEqual(head.probabilities(fresh));
    expect(serializeSafetensors(loaded.save())).toEqual(serializeSafetensors(head.save()));
  });

  test("is refused when a tensor is missing, misshapen, of another type, not finite, or too many", () => {
    const { metadata, tensors } = head.save();
    for (const [name, tensor] of tensors) {
      const replaced = (value: unknown) =>
        loadHead({ metadata, tensors: new Map(tensors).set(name, value as typeof tensor) });
      const without = new Map(tensors);
      without.delete(name);
      if (name !== "prior.weight") {
        expect(() => loadHead({ metadata, tensors: without })).toThrow(`"${name}" is missing`);
      }
      expect(() => replaced({ ...tensor, shape: [1, ...tensor.shape] })).toThrow(`"${name}" has shape`);
      expect(() => replaced({ dtype: "I32", shape: tensor.shape, data: new Int32Array(tensor.data.length) })).toThrow(
        `"${name}" is I32, not`,
      );
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const data = (tensor.data as Float64Array).slice();
        data[data.length - 1] = bad;
        expect(() => replaced({ ...tensor, data })).toThrow(`"${name}"`);
      }
      expect(() => replaced({ ...tensor, data: tensor.data.slice(1) })).toThrow(`"${name}"`);
    }
    const extra = new Map(tensors).set("surplus", { dtype: "F32", shape: [1], data: new Float32Array(1) });
    expect(() => loadHead({ metadata, tensors: extra })).toThrow('"surplus" does not belong');
  });

  test("is refused when its metadata are missing or make no sense, by the field's name", () => {
    for (const name of ["kind", "version", "recipe", "identity", "classes"]) {
      expect(() => loadHead(withMetadata(head, { [name]: "" }))).toThrow(`"${name}"`);
    }
    expect(() => loadHead(withMetadata(head, { kind: "forest" }))).toThrow('"kind" is "forest"');
    expect(() => loadHead(withMetadata(head, { version: "2" }))).toThrow('"version" is "2"');
    expect(() => loadHead(withMetadata(head, { recipe: "{" }))).toThrow('"recipe" is not JSON');
    expect(() => loadHead(withMetadata(head, { recipe: "[]" }))).toThrow('"recipe" is not an object');
    expect(() => loadHead(withMetadata(head, { recipe: "{}" }))).toThrow('"recipe"');
    expect(() => loadHead(withMetadata(head, { classes: '"joy"' }))).toThrow('"classes"');
    expect(() => loadHead(withMetadata(head, { classes: "[1,2]" }))).toThrow('"classes"');
    expect(() => loadHead(withMetadata(head, { classes: '["a","b"]' }))).toThrow("shape");
    expect(() => loadHead(withMetadata(head, { classes: '["a","a","b"]' }))).toThrow("not distinct");
    expect(() =>
      loadHead(withMetadata(head, { recipe: head.save().metadata.recipe!.replace(/"l2":[^,}]*/, '"l2":-1') })),
    ).toThrow("l2 is -1");
  });

  test("is refused wherever its bytes are cut", () => {
    const bytes = serializeSafetensors(head.save());
    for (const length of [0, 7, 8, 50, bytes.length - 1]) {
      expect(() => loadHead(parseSafetensors(bytes.subarray(0, length)))).toThrow("Safetensors file");
    }
  });

  test("refuses other features and other classes, naming both", () => {
    expect(() => assertSameFeatures(head, { ...identity })).not.toThrow();
    expect(() => assertSameFeatures(head, { ...identity, features: "beef" })).toThrow(
      `The ${head.kind} head was trained on features f00d and refuses features beef`,
    );
    expect(() => assertSameFeatures(head, { ...identity, classes: ["neutral", "joy"] })).toThrow(
      "distinguishes the classes (neutral, joy, Ärger 😠), not (neutral, joy)",
    );
  });
});

describe("A saved OSELM head", () => {
  test("keeps learning and forgetting as the head it was saved from, and is not changed by it", () => {
    const head = createLearned();
    const file = head.save();
    const loaded = loadHead(file) as OselmHead;
    const more = labelledRows({ rows: 3, inputSize: 5, classes: 3, seed: 5 });
    const before = serializeSafetensors(file);
    head.update(more.features, more.labels);
    expect(serializeSafetensors(file)).toEqual(before);
    loaded.update(more.features, more.labels);
    expect(serializeSafetensors(loaded.save())).toEqual(serializeSafetensors(head.save()));
    loaded.forget(rows.features, rows.labels);
    expect(loaded.count).toBe(3);
  });

  test("is refused when its sums cannot be sums", () => {
    const { metadata, tensors } = createLearned().save();
    const gram = tensors.get("sums.gram")!;
    const data = (gram.data as Float64Array).slice();
    data[0] = -1;
    const negative = new Map(tensors).set("sums.gram", { dtype: "F64", shape: gram.shape, data });
    expect(() => loadHead({ metadata, tensors: negative })).toThrow("hidden unit 0 is negative");
    const half = Float64Array.of(0.5, 1, 1);
    const counts = new Map(tensors).set("sums.class_counts", { dtype: "F64", shape: [3], data: half });
    expect(() => loadHead({ metadata, tensors: counts })).toThrow('"sums.class_counts"');
  });
});
