// When a refit is due: by the labels alone, so that it does not depend on time and restarts.

import type { LearningState } from "./learning-state.js";
import type { Utterances } from "./utterances.js";

/** So many changes bring the first refit. */
const firstRefit = 10;

/** Whether the mixture has not met all rows that it could learn, as after a forgetting. */
export function lacksRows({ live, features }: LearningState, utterances: Utterances): boolean {
  return missingRows({ live, features }, utterances) > 0;
}

/** Refits come with 10, 20, 40, … rows, or after as many changes as half of the rows. */
export function isRefitDue(learningState: LearningState, utterances: Utterances): boolean {
  const { live } = learningState;
  return live.sinceRefit >= Math.max(firstRefit, live.rows / 2) || lacksRows(learningState, utterances);
}

/**
 * Lets a mixture that was read from the disk, or that is new, learn what was labelled since. So many rows at most come
 * between two refits; if more are missing, a refit is due.
 */
export function catchUp({ live, features }: LearningState, utterances: Utterances): void {
  if (missingRows({ live, features }, utterances) > Math.max(firstRefit, live.rows)) return;
  for (const id of utterances.drawnIds()) live.hold(id, features.get(id), utterances.entry(id)!.label);
}

function missingRows({ live, features }: Pick<LearningState, "live" | "features">, utterances: Utterances): number {
  const { train, holdout } = utterances.counts;
  if (live.met === train + holdout) return 0;
  const isKnown = (id: string) => live.classes.includes(utterances.entry(id)!.label);
  return utterances.ids().filter((id) => features.get(id) !== undefined && isKnown(id)).length - live.met;
}
