import { describe, expect, test } from "vitest";
import { type LabelledRows, labelledRows, part } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createMatrix, selectRows } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { serializeSafetensors } from "../tensor/safetensors.js";
import { fitElm } from "./elm.js";
import type { ElmRecipe } from "./hidden-layer.js";
import { createOselm, type OselmHead } from "./oselm.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const recipe: ElmRecipe = { hidden: 50, activation: "sigmoid", l2: 0.1, seed: 3 };
const rows = labelledRows({ rows: 400, inputSize: 6, classes: 4, seed: 1 });

function emptyHead(changes: Partial<ElmRecipe> = {}): OselmHead {
  return createOselm({ identity, inputSize: 6, recipe: { ...recipe, ...changes } });
}

function learn(head: OselmHead, { features, labels }: LabelledRows): OselmHead {
  head.update(features, labels);
  return head;
}

/**
 * Learns rows one by one and solves after each, as an agent does that predicts in between. Every change is a rank-1
 * change of the factor.
 */
function learnOneByOne(head: OselmHead, examples: LabelledRows): OselmHead {
  for (let i = 0; i < examples.labels.length; i++) {
    learn(head, part(examples, i, i + 1));
    void head.outputWeights;
  }
  return head;
}

function batchWeights(examples: LabelledRows, changes: Partial<ElmRecipe> = {}): Float64Array {
  return fitElm({ ...examples, identity, recipe: { ...recipe, ...changes } }).outputWeights;
}

function bytes(head: OselmHead): Uint8Array {
  return serializeSafetensors(head.save());
}

describe("The OSELM head equals the batch solution", () => {
  test("when rows come one by one, from the first on", () => {
    expect(largestDifference(learnOneByOne(emptyHead(), rows).outputWeights, batchWeights(rows))).toBeLessThan(1e-9);
  });

  test("when the first batch is smaller than the hidden layer", () => {
    const head = learn(emptyHead(), part(rows, 0, 7));
    expect(largestDifference(head.outputWeights, batchWeights(part(rows, 0, 7)))).toBeLessThan(1e-9);
    learn(head, part(rows, 7, 400));
    expect(largestDifference(head.outputWeights, batchWeights(rows))).toBeLessThan(1e-9);
  });

  test("with fewer rows than hidden units in all", () => {
    const few = part(rows, 0, 20);
    expect(largestDifference(learnOneByOne(emptyHead(), few).outputWeights, batchWeights(few))).toBeLessThan(1e-9);
  });

  test("with one class only", () => {
    const one = { features: rows.features, labels: new Int32Array(400).fill(2) };
    expect(largestDifference(learnOneByOne(emptyHead(), one).outputWeights, batchWeights(one))).toBeLessThan(1e-9);
  });

  test("with a class that appears later", () => {
    const order = Array.from(rows.labels.keys()).sort((x, y) => rows.labels[x]! - rows.labels[y]!);
    const sorted = {
      features: selectRows(rows.features, order),
      labels: Int32Array.from(order, (i) => rows.labels[i]!),
    };
    const head = learnOneByOne(emptyHead(), sorted);
    expect(largestDifference(head.outputWeights, batchWeights(sorted))).toBeLessThan(1e-9);
  });

  test("with near-collinear features", () => {
    const random = createRandom(9);
    const features = createMatrix(300, 6);
    for (let i = 0; i < 300; i++) {
      const direction = random.normal();
      for (let d = 0; d < 6; d++) {
        features.data[i * 6 + d] = direction * (d + 1) + 1e-6 * random.normal();
      }
    }
    const collinear = { features, labels: rows.labels.slice(0, 300) };
    for (const l2 of [1, 1e-3]) {
      const head = learnOneByOne(emptyHead({ l2 }), collinear);
      expect(largestDifference(head.outputWeights, batchWeights(collinear, { l2 }))).toBeLessThan(1e-7);
    }
  });

  test("after 20,000 updates and predictions", () => {
    const many = labelledRows({ rows: 20_000, inputSize: 6, classes: 4, seed: 8 });
    const small = { hidden: 24 };
    const head = learnOneByOne(emptyHead(small), many);
    expect(head.count).toBe(20_000);
    expect(largestDifference(head.outputWeights, batchWeights(many, small))).toBeLessThan(1e-9);
  });

  test("whatever the sizes of the batches", () => {
    const head = emptyHead();
    for (const [start, end] of [
      [0, 1],
      [1, 4],
      [4, 90],
      [90, 91],
      [91, 400],
    ] as const) {
      learn(head, part(rows, start, end));
      void head.outputWeights;
    }
    expect(largestDifference(head.outputWeights, batchWeights(rows))).toBeLessThan(1e-9);
  });
});

describe("Forgetting", () => {
  const kept = part(rows, 0, 300);
  const forgotten = part(rows, 300, 400);

  test("one by one equals training without the rows, within 1e-9", () => {
    const head = learnOneByOne(emptyHead(), rows);
    for (let i = 0; i < 100; i++) {
      const { features, labels } = part(forgotten, i, i + 1);
      head.forget(features, labels);
      void head.outputWeights;
    }
    expect(head.count).toBe(300);
    expect(largestDifference(head.outputWeights, batchWeights(kept))).toBeLessThan(1e-9);
  });

  test("leaves a file that is, to the last bit, that of a head that never saw the rows", () => {
    const head = learnOneByOne(emptyHead(), rows);
    head.forget(forgotten.features, forgotten.labels);
    expect(bytes(head)).toEqual(bytes(learn(emptyHead(), kept)));
  });

  test("returns to the weights from before a row was added, even when that row was nearly all there was", () => {
    for (const before of [300, 1]) {
      const head = learnOneByOne(emptyHead({ l2: 1e-3 }), part(rows, 0, before));
      const weights = head.outputWeights.slice();
      const extra = part(rows, 350, 351);
      learnOneByOne(head, extra);
      expect(largestDifference(head.outputWeights, weights)).toBeGreaterThan(1e-4);
      head.forget(extra.features, extra.labels);
      expect(largestDifference(head.outputWeights, weights)).toBeLessThan(1e-9);
    }
  });

  test("every row leads back to a head that knows nothing", () => {
    const head = learnOneByOne(emptyHead(), kept);
    head.forget(kept.features, kept.labels);
    expect(head.count).toBe(0);
    expect(bytes(head)).toEqual(bytes(emptyHead()));
    expect(Array.from(head.probabilities(part(rows, 0, 1).features).data)).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  test("rows of a class of which fewer are held is refused, and changes nothing", () => {
    const head = learn(emptyHead(), { features: part(rows, 0, 2).features, labels: Int32Array.of(0, 1) });
    const before = bytes(head);
    const { features } = part(rows, 0, 2);
    expect(() => head.forget(features, Int32Array.of(1, 1))).toThrow("More rows of class 1 to forget than the 1 held");
    expect(() => head.forget(features, Int32Array.of(0, 3))).toThrow("class 3");
    expect(bytes(head)).toEqual(before);
  });
});

describe("Without regularisation", () => {
  test("a Gram matrix that is singular is an error that says so, and never a number", () => {
    const head = learn(emptyHead({ l2: 0 }), part(rows, 0, 49));
    const { features } = part(rows, 0, 1);
    expect(() => head.probabilities(features)).toThrow("singular");
    expect(() => head.outputWeights).toThrow("singular");
  });

  test("the head answers once there are enough rows, and equals the batch", () => {
    const wide = labelledRows({ rows: 400, inputSize: 60, classes: 4, seed: 4 });
    const unregularised = { ...recipe, l2: 0 };
    const head = createOselm({ identity, inputSize: 60, recipe: unregularised });
    learn(head, part(wide, 0, 30));
    learn(head, part(wide, 30, 300));
    learnOneByOne(head, part(wide, 300, 400));
    const batch = fitElm({ ...wide, identity, recipe: unregularised });
    expect(largestDifference(head.outputWeights, batch.outputWeights)).toBeLessThan(1e-8);
  });
});

describe("An OSELM head with a prior", () => {
  const population = labelledRows({ rows: 500, inputSize: 6, classes: 4, seed: 40 });
  const prior = fitElm({ ...population, identity, recipe });
  const withPrior = (changes: Partial<ElmRecipe> = {}) =>
    createOselm({ identity, inputSize: 6, recipe: { ...recipe, ...changes }, prior });

  test("answers as the prior before it has learned anything, and after forgetting everything", () => {
    const head = withPrior();
    expect(head.probabilities(rows.features)).toEqual(prior.probabilities(rows.features));
    learnOneByOne(head, part(rows, 0, 5));
    expect(head.probabilities(rows.features)).not.toEqual(prior.probabilities(rows.features));
    const { features, labels } = part(rows, 0, 5);
    head.forget(features, labels);
    expect(head.probabilities(rows.features)).toEqual(prior.probabilities(rows.features));
  });

  test("leaves it the slower the larger l2 is", () => {
    const distance = (l2: number) =>
      largestDifference(learn(withPrior({ l2 }), part(rows, 0, 50)).outputWeights, prior.outputWeights);
    expect(distance(1e6)).toBeLessThan(1e-4);
    expect(distance(10)).toBeLessThan(distance(0.1));
  });

  test("one by one equals all at once", () => {
    const weights = learn(withPrior(), rows).outputWeights;
    expect(largestDifference(learnOneByOne(withPrior(), rows).outputWeights, weights)).toBeLessThan(1e-9);
  });

  test("refuses one of another hidden layer, other features or another size", () => {
    expect(() => withPrior({ seed: 4 })).toThrow("seed 3) is not the recipe's (50 sigmoid, seed 4)");
    expect(() => withPrior({ hidden: 49 })).toThrow("hidden layer");
    expect(() => createOselm({ identity, inputSize: 7, recipe, prior })).toThrow("takes 6 features a row, not 7");
    const other = { features: "beef", classes: identity.classes };
    expect(() => createOselm({ identity: other, inputSize: 6, recipe, prior })).toThrow("refuses features beef");
  });
});

describe("The OSELM head refuses", () => {
  test("NaN, infinity, wrong sizes and labels outside the classes, and then has learned nothing", () => {
    const head = learnOneByOne(emptyHead(), part(rows, 0, 10));
    const before = bytes(head);
    const { features, labels } = part(rows, 10, 13);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const spoilt = createMatrix(3, 6, features.data.slice());
      spoilt.data[17] = bad;
      expect(() => head.update(spoilt, labels)).toThrow(`Row 2: feature 5 is ${bad}`);
      expect(() => head.forget(spoilt, labels)).toThrow("Row 2: feature 5");
      expect(() => head.probabilities(spoilt)).toThrow("Row 2: feature 5");
    }
    expect(() => head.update(createMatrix(3, 5), labels)).toThrow("takes 6 features a row, not 5");
    expect(() => head.update(features, labels.subarray(1))).toThrow("3 rows of features but 2 labels");
    expect(() => head.update(features, Int32Array.of(0, 4, 0))).toThrow("Row 1: label 4 must lie in 0..3");
    expect(bytes(head)).toEqual(before);
  });
});
