// The mixture that answers on a release: it learns every label at once, and knows which rows it holds.

import { MlError } from "@attune/ml/error";
import { headScores } from "@attune/ml/heads/calibrated";
import type { ElmHead } from "@attune/ml/heads/elm";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import type { LinearHead } from "@attune/ml/heads/linear";
import { createOselm } from "@attune/ml/heads/oselm";
import { type Expert, fixedExpert, type LearnedRow, linearExperts, oselmExpert } from "@attune/ml/online/experts";
import type { Mixture } from "@attune/ml/online/mixture";
import { createPersonMixture, type Resumed } from "@attune/ml/online/person-mixture";
import type { Coverage } from "@attune/ml/online/prediction-set";
import type { Matrix } from "@attune/ml/tensor/matrix";
import type { Model } from "../prediction/model.js";

export interface LiveMixture {
  /** In the order of the probabilities' columns. */
  readonly classes: readonly string[];
  /** Weights, losses and regret so far. */
  readonly mixture: Mixture;
  /** The threshold of the sets of labels, and how often they held the label so far. */
  readonly coverage: Coverage;
  /** The number of rows held. */
  readonly rows: number;
  /** The number of rows held, and of rows that no expert could answer, which are left out. */
  readonly met: number;
  /** The number of labels learned, corrected and forgotten since the last refit. */
  readonly sinceRefit: number;
  /** (N, D) to (N, classes); rows sum to 1. */
  probabilities(features: Matrix): Matrix;
  /**
   * Holds this row under the id from now on, and no other: learns it, or changes what was learned. Without features, or
   * with a label that the release does not know, it holds none.
   */
  hold(id: string, features: Float32Array | undefined, label: string | undefined): void;
  /** A part of a sweep of one expert at each step, until all are at the batch optimum of the rows held. */
  settle(): Generator<void, void>;
  /** All that a later process resumes with. Counts as a refit. */
  keep(): Resumed;
}

/** Sweeps end here, or after so many: the largest change of a row's share, which lies in -1..1. */
const settled = 1e-7;
const maxSweeps = 200;

interface LiveParts {
  readonly model: Pick<Model, "release" | "prior">;
  readonly kernels: HeadKernels | undefined;
}

/** Throws `mismatch` for what another set of experts learned. */
export function createLiveMixture({ model, kernels }: LiveParts, resumed?: Resumed): LiveMixture {
  const { classes } = model.prior.identity;
  const experts = expertsOf(model, kernels);
  const person = createPersonMixture(experts, { classes: classes.length, ...(resumed && { resumed }) });
  const held = new Map(resumed?.rows.map((row) => [row.id, row]));
  const unanswered = new Set<string>();
  let sinceRefit = 0;

  function drop(id: string): void {
    unanswered.delete(id);
    if (held.delete(id)) person.forget(id);
  }

  function learn(row: LearnedRow): void {
    drop(row.id);
    try {
      person.learn(row.id, row.features, row.label);
      held.set(row.id, row);
    } catch (error) {
      // Such rows are the person's. Nothing that leaves the device may show that they exist.
      if (!(error instanceof MlError)) throw error;
      unanswered.add(row.id);
    }
  }

  return {
    classes,
    get mixture() {
      return person.mixture;
    },
    get coverage() {
      return person.coverage;
    },
    get rows() {
      return held.size;
    },
    get met() {
      return held.size + unanswered.size;
    },
    get sinceRefit() {
      return sinceRefit;
    },
    probabilities: person.probabilities,
    hold(id, features, name) {
      const label = name === undefined ? -1 : classes.indexOf(name);
      const row = features === undefined || label < 0 ? undefined : { id, features, label };
      const before = held.get(id);
      if (row?.features === before?.features && row?.label === before?.label) return;
      sinceRefit++;
      if (row === undefined) drop(id);
      else if (row.features !== before?.features) learn(row);
      else {
        person.relabel(id, label);
        held.set(id, row);
      }
    },
    *settle() {
      for (const expert of experts) {
        for (let sweeps = 0; sweeps < maxSweeps; ) {
          const largest = expert.sweepStep();
          yield;
          if (largest === undefined) continue;
          if (largest <= settled) break;
          sweeps++;
        }
      }
    },
    keep() {
      sinceRefit = 0;
      const { mixture, coverage } = person;
      return { mixture, coverage, rows: [...held.values()], shares: person.shares([...held.keys()]) };
    },
  };
}

/**
 * The usual temperature of an ELM's least squares, which lie about 0 and 1. On MELD's train rows of six speakers the
 * sharpness, which is its inverse, is 3 to 5.
 */
const elmTemperature = 0.25;

/** The prior is an expert in every case, and the only one where the release asks for a head that cannot learn on it. */
function expertsOf({ release, prior }: LiveParts["model"], kernels?: HeadKernels): Expert[] {
  const { headRecipe } = release;
  const alone = fixedExpert("prior", prior);
  if (headRecipe.kind === "linear") {
    return prior.kind === "linear" ? linearExperts(prior as LinearHead, { ...(kernels && { kernels }) }) : [alone];
  }
  const { kind, hidden, l2 } = headRecipe;
  const elm = isElm(prior) ? prior : undefined;
  const { activation, seed } = elm?.recipe ?? ({ activation: "tanh", seed: 1 } as const);
  const head = createOselm({
    identity: prior.identity,
    inputSize: prior.inputSize,
    recipe: { hidden, l2, activation, seed },
    ...(kind === "oselm" && elm?.kind === "elm" && elm.recipe.hidden === hidden && { prior: elm }),
    ...(kernels && { kernels }),
  });
  const own = oselmExpert("personal", { head, scores: headScores(head, kernels), temperature: elmTemperature });
  return [alone, orElse(own, alone)];
}

/** `expert`, except that `stand` answers where the expert's rows do not determine its weights. */
function orElse(expert: Expert, stand: Expert): Expert {
  return {
    ...expert,
    probabilities(features) {
      try {
        return expert.probabilities(features);
      } catch (error) {
        if (error instanceof MlError && error.code === "singular") return stand.probabilities(features);
        throw error;
      }
    },
  };
}

function isElm(head: Model["prior"]): head is ElmHead {
  return head.kind === "elm" || head.kind === "oselm";
}
