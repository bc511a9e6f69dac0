// A linear head that learns a label at once, and that every further label brings nearer to the optimum of the batch.

import { MlError } from "../error.js";
import { checkFeatures, checkNotNegative, checkWhole } from "../heads/examples.js";
import type { AscentRow, HeadKernels, LinearWeights } from "../heads/head-kernels.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import { type ClassWeights, rowWeights } from "../heads/softmax.js";
import { createMatrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { createAscent, type Pull } from "./dual-ascent.js";

export interface OnlineRecipe extends Pull {
  readonly classWeights: ClassWeights;
  /** In rows: among as many rows, the strength is twice as great. With 0, the default, it is always the same. */
  readonly caution?: number;
  /** The number of rows visited at each change, besides the changed row. They are drawn by lot. */
  readonly visits: number;
}

/**
 * The objective is that of fitLinear with the recipe of a PriorTrust. Its λ is strength · (1 + caution / rows) times
 * the mean of ‖r x‖² over the rows held. The head keeps each row's share of the weights (dual-ascent.ts). So a change
 * costs the same whatever the number of rows. Forgetting subtracts what the row had added, and sweeps end at the batch
 * optimum. Rows are drawn because a fixed order can take many times as long (Sun and Ye 2021, "Worst-case complexity of
 * cyclic coordinate descent"). A row takes its features, which are kept by reference, and about 16 · classes + 100
 * bytes.
 */
export interface OnlineLinear {
  readonly rows: number;
  /**
   * features: (D), not to be changed later. Throws `shape`, `not-finite`, and `out-of-range` (the label, or an
   * id that is held).
   */
  learn(id: string, features: Float32Array, label: number): void;
  /** Throws `out-of-range` for a label outside the classes, and for an id that is not held. */
  relabel(id: string, label: number): void;
  /** Throws `out-of-range` for an id that is not held. */
  forget(id: string): void;
  /**
   * Visits some of the rows that the present sweep has not visited; a sweep visits every row once. Returns undefined
   * until the sweep ends, then the largest change of any row's share, which is 0 at the optimum. A change of the rows
   * begins the sweep anew.
   */
  sweepStep(): number | undefined;
  /** (classes): a copy of the row's share. Throws `out-of-range` for an id that is not held. */
  share(id: string): Float64Array;
  /** Holds rows that were learned before, with the shares that they had. Throws as learn. O(rows · classes · D). */
  resume(rows: readonly ResumedRow[]): void;
  /** A copy: (classes, D) and (classes). */
  weights(): LinearWeights;
  /** features: (D) → (classes), the logits. Throws `shape` and `not-finite`. */
  scores(features: Float32Array): Float64Array;
}

interface ResumedRow {
  readonly id: string;
  /** (D), not to be changed later. */
  readonly features: Float32Array;
  readonly label: number;
  /** (classes) */
  readonly share: Float64Array;
}

interface HeldRow extends AscentRow {
  readonly id: string;
}

/** The visits of one step of a sweep: half a millisecond in WebAssembly with 768 features and 7 classes. */
const stepRows = 128;
/** A forgotten row whose square is so many times the mean leaves rounding errors; the sums are then added up again. */
const dominance = 1e6;

interface HeldRows {
  /** In no particular order. */
  readonly rows: readonly HeldRow[];
  /** Throws `out-of-range` for a row that is held already. */
  add(id: string, open: () => HeldRow): HeldRow;
  /** Throws `out-of-range` for a row that is not held, as `take` does. */
  get(id: string): HeldRow;
  take(id: string): HeldRow;
}

/** Each row is found and taken out in constant time, and a row is drawn by its place. */
function createHeldRows(): HeldRows {
  const rows: HeldRow[] = [];
  const places = new Map<string, number>();

  function placeOf(id: string): number {
    const place = places.get(id);
    if (place === undefined) throw new MlError("out-of-range", `The head holds no row ${id}`);
    return place;
  }

  return {
    rows,
    add(id, open) {
      if (places.has(id)) throw new MlError("out-of-range", `The head already holds a row ${id}; relabel or forget it`);
      const row = open();
      places.set(id, rows.push(row) - 1);
      return row;
    },
    get: (id) => rows[placeOf(id)]!,
    take(id) {
      const place = placeOf(id);
      const row = rows[place]!;
      const last = rows.pop()!;
      if (last !== row) {
        rows[place] = last;
        places.set(last.id, place);
      }
      places.delete(id);
      return row;
    },
  };
}

export function createOnlineLinear(
  prior: LinearWeights,
  recipe: OnlineRecipe,
  kernels: Pick<HeadKernels, "openAscent"> = referenceHeadKernels,
): OnlineLinear {
  const { strength, caution = 0, classWeights, visits } = checkedRecipe(recipe);
  const { length: classes } = prior.bias;
  const size = prior.weight.length / classes;
  const ascent = createAscent(prior, recipe, kernels);
  const held = createHeldRows();
  const { rows } = held;
  const random = createRandom(1);
  const counts = new Float64Array(classes);
  let importance: Float64Array = counts.slice();
  let squares = 0;
  const meanSquare = () => (squares > 0 ? squares / rows.length : 1);
  const perLambda = () =>
    strength === undefined ? 0 : 1 / (strength * (1 + caution / Math.max(1, rows.length)) * meanSquare());
  const visit = (visited: readonly HeldRow[]) => ascent.visit(visited, { importance, perLambda: perLambda() });
  const sweep = createSweep(() => shuffled(rows, random), visit);

  /** As many rows are drawn at every change, so that the draws do not depend on rounding. */
  function afterChange(changed: readonly HeldRow[]): void {
    sweep.restart();
    importance = rowWeights(counts, classWeights);
    const visited = [...changed];
    for (let i = 0; rows.length > 0 && i < visits; i++) visited.push(rows[random.integer(rows.length)]!);
    visit(visited);
  }

  function hold(id: string, features: Float32Array, label: number): HeldRow {
    checkFeatures(createMatrix(1, features.length, features), size);
    checkLabel(label, classes);
    const row = held.add(id, () => ({ id, ...ascent.open(features, label) }));
    counts[label]!++;
    squares += row.square;
    return row;
  }

  function resume(kept: readonly ResumedRow[]): void {
    for (const { id, features, label, share } of kept) hold(id, features, label).residual.set(share);
    ascent.restore(rows);
    importance = rowWeights(counts, classWeights);
    sweep.restart();
  }

  function relabel(id: string, label: number): void {
    checkLabel(label, classes);
    const row = held.get(id);
    counts[row.label]!--;
    counts[label]!++;
    afterChange([Object.assign(row, { label })]);
  }

  function forget(id: string): void {
    const row = held.take(id);
    counts[row.label]!--;
    squares = rows.reduce((sum, { square }) => sum + square, 0);
    if (rows.length === 0 || row.square * rows.length > dominance * squares) ascent.restore(rows);
    else ascent.remove(row);
    afterChange([]);
  }

  return {
    get rows() {
      return rows.length;
    },
    learn: (id, features, label) => afterChange([hold(id, features, label)]),
    relabel,
    forget,
    share: (id) => held.get(id).residual.slice(),
    resume,
    sweepStep: sweep.step,
    weights: () => ascent.weights(perLambda()),
    scores(features) {
      checkFeatures(createMatrix(1, features.length, features), size);
      return ascent.scores(features, perLambda());
    },
  };
}

function createSweep<T>(draw: () => T[], visit: (rows: readonly T[]) => number) {
  let left: T[] = [];
  let largest = 0;
  return {
    restart() {
      left = [];
    },
    step(): number | undefined {
      if (left.length === 0) [left, largest] = [draw(), 0];
      largest = Math.max(largest, visit(left.splice(0, stepRows)));
      return left.length === 0 ? largest : undefined;
    },
  };
}

/** Sweeps to the end. Returns the largest change. */
export function sweepOnce({ sweepStep }: Pick<OnlineLinear, "sweepStep">): number {
  for (;;) {
    const largest = sweepStep();
    if (largest !== undefined) return largest;
  }
}

function shuffled<T>(rows: readonly T[], random: ReturnType<typeof createRandom>): T[] {
  const order = [...rows];
  random.shuffle(order);
  return order;
}

function checkLabel(label: number, classes: number): void {
  if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
    throw new MlError("out-of-range", `Label ${label} must lie in 0..${classes - 1}`);
  }
}

function checkedRecipe(recipe: OnlineRecipe): OnlineRecipe {
  const { scale, strength, biasStrength, caution = 0, visits } = recipe;
  checkNotNegative("scale", scale);
  checkNotNegative("caution", caution);
  if (strength !== undefined) checkPositive("strength", strength);
  checkPositive("biasStrength", biasStrength);
  checkWhole("visits", visits, [0, 1_000_000]);
  return recipe;
}

function checkPositive(name: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new MlError("out-of-range", `${name} is ${value}; it must be a finite number above 0`);
  }
}
