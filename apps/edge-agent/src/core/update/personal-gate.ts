// The personal gate: a release is taken only if, for this person, it answers no worse than the one that answers now.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { accept, type Result, refuse } from "@attune/shared/result";
import { minimumHoldout } from "../egress/report.js";
import type { Fitted } from "../learning/fit.js";

/** The margin in weighted F1. */
export const inferiorityMargin = 0.01;

/** Both are fitted on the same utterances and scored on the same hold-out. With too small a hold-out there is nothing to judge by. */
export function personalGate(active: Fitted | undefined, candidate: Fitted): Result<void, UpdateReason> {
  if (active === undefined || candidate.holdout < minimumHoldout) return accept(undefined);
  const [before, after] = [answering(active), answering(candidate)];
  if (before === null || (after !== null && after >= before - inferiorityMargin)) return accept(undefined);
  return refuse("personalInferior", "the candidate is inferior on this device's hold-out");
}

/** The score of the head that would answer. */
function answering({ choice, f1Prior, f1Personal }: Fitted): number | null {
  return choice === "personal" ? f1Personal : f1Prior;
}
