// The experts of a person's mixture. Each answers an utterance, and learns, relabels and forgets rows by their ids.

import type { Head } from "../heads/head.js";
import type { HeadKernels } from "../heads/head-kernels.js";
import type { LinearHead } from "../heads/linear.js";
import type { OselmHead } from "../heads/oselm.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import { softmaxRow } from "../heads/softmax.js";
import { softmaxAt } from "../heads/temperature.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createOnlineLinear, type OnlineLinear, type OnlineRecipe } from "./online-linear.js";

export interface LearnedRow {
  readonly id: string;
  /** (D), kept by reference and not to be changed later. */
  readonly features: Float32Array;
  readonly label: number;
}

export interface Expert {
  readonly name: string;
  /** features: (D) → (classes), which sum to 1. Throws `shape` and `not-finite`. */
  probabilities(features: Float32Array): Float32Array;
  /** features: (D), kept by reference and not to be changed later. */
  learn(id: string, features: Float32Array, label: number): void;
  relabel(id: string, label: number): void;
  forget(id: string): void;
  /**
   * Brings the expert nearer to the batch optimum of its rows, as sweepStep of an OnlineLinear. Returns 0 if it is
   * there.
   */
  sweepStep(): number | undefined;
  /** (ids, classes): what the expert must keep of its rows besides the rows. Empty if the rows say all. */
  shares(ids: readonly string[]): Float64Array;
  /** Holds rows that it learned before. `shares` as it gave them, in the same order. */
  resume(rows: readonly LearnedRow[], shares: Float64Array): void;
}

/** A head that learns nothing. */
export function fixedExpert(name: string, head: Pick<Head, "probabilities">): Expert {
  return {
    name,
    probabilities: (features) => head.probabilities(createMatrix(1, features.length, features)).data,
    learn: () => undefined,
    relabel: () => undefined,
    forget: () => undefined,
    sweepStep: () => 0,
    shares: () => new Float64Array(),
    resume: () => undefined,
  };
}

function linearExpert(name: string, online: OnlineLinear): Expert {
  const { learn, relabel, forget, sweepStep, scores, share, resume } = online;
  function probabilities(features: Float32Array): Float32Array {
    const own = scores(features);
    softmaxRow(own, 0, own.length);
    return Float32Array.from(own);
  }
  const shares = (ids: readonly string[]) => Float64Array.from(ids.flatMap((id) => [...share(id)]));
  function resumeRows(rows: readonly LearnedRow[], kept: Float64Array): void {
    const classes = kept.length / rows.length;
    resume(rows.map((row, i) => ({ ...row, share: kept.subarray(i * classes, (i + 1) * classes) })));
  }
  return { name, probabilities, learn, relabel, forget, sweepStep, shares, resume: resumeRows };
}

interface OselmExpertOptions {
  readonly head: OselmHead;
  /** Gives the head's scores: headScores of ../heads/calibrated.ts. */
  readonly scores: (features: Matrix) => Matrix;
  readonly temperature: number;
}

/**
 * The head equals the batch after every change, so nothing is left to sweep. The softmax gives no emotion the
 * probability 0, as projections do.
 */
export function oselmExpert(name: string, { head, scores, temperature }: OselmExpertOptions): Expert {
  const held = new Map<string, { features: Float32Array; label: number }>();
  const asRow = (features: Float32Array) => createMatrix(1, features.length, features);
  function learn(id: string, features: Float32Array, label: number): void {
    head.update(asRow(features), Int32Array.of(label));
    held.set(id, { features, label });
  }
  function forget(id: string): void {
    const { features, label } = held.get(id)!;
    head.forget(asRow(features), Int32Array.of(label));
    held.delete(id);
  }
  return {
    name,
    probabilities: (features) => softmaxAt(scores(asRow(features)), temperature).data,
    learn,
    relabel(id, label) {
      const { features } = held.get(id)!;
      forget(id);
      learn(id, features, label);
    },
    forget,
    sweepStep: () => 0,
    shares: () => new Float64Array(),
    resume(rows) {
      for (const { id, features, label } of rows) learn(id, features, label);
    },
  };
}

/** `expert`, except that `stand` answers until the expert has learned `rows` rows. */
function fromRowsOn(rows: number, expert: Expert, stand: Pick<Expert, "probabilities">): Expert {
  let held = 0;
  return {
    ...expert,
    probabilities: (features) => (held < rows ? stand : expert).probabilities(features),
    learn(id, features, label) {
      expert.learn(id, features, label);
      held++;
    },
    forget(id) {
      expert.forget(id);
      held--;
    },
    resume(kept, shares) {
      expert.resume(kept, shares);
      held += kept.length;
    },
  };
}

/**
 * The usual settings, chosen on MELD's train rows of six speakers: drawn rows for learning, the others for measuring.
 * The biases pull as 30 rows do: nearly free biases cost a weighted F1 of 0.02 with 10 rows, and gain nothing with 200.
 * An expert that is cautious among few rows has 0.009 more with 10 rows. The other one follows a person who means
 * other words sooner.
 */
const own = { scale: 0.75, strength: 0.57, biasStrength: 30, reach: "prior", classWeights: "mild" } as const;
const caution = 50;
const biases = { scale: 1, biasStrength: 30, reach: "prior", classWeights: "none" } as const;
const scratch = { scale: 0, strength: 0.8, biasStrength: 5, reach: "prior", classWeights: "mild" } as const;
/** Up to about so many rows, a head from scratch is worse than the prior for each of the six. */
const scratchRows = 100;

/**
 * The experts on a linear prior: the prior alone, the prior with own biases, prior and personal, the same with caution,
 * and personal from scratch.
 * `visits`: the rows that each expert visits at a change, a time of 5 · classes · D operations each.
 */
export function linearExperts(
  prior: LinearHead,
  { visits = 48, kernels = referenceHeadKernels }: { visits?: number; kernels?: HeadKernels } = {},
): Expert[] {
  const alone = fixedExpert("prior", prior);
  const head = (recipe: Omit<OnlineRecipe, "visits">) => createOnlineLinear(prior, { ...recipe, visits }, kernels);
  return [
    alone,
    linearExpert("prior, own biases", head(biases)),
    linearExpert("prior + personal", head(own)),
    linearExpert("prior + personal, cautious", head({ ...own, caution })),
    fromRowsOn(scratchRows, linearExpert("scratch", head(scratch)), alone),
  ];
}
