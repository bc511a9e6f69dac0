// Decides when training ends: after the last epoch, at the chosen share of a full run's dev metric, or when patience
// runs out. Says why it ended.

import type { Recipe } from "../data/recipe.js";
import type { EvaluationRecord } from "./checkpoint.js";

export const endings = ["epochs", "goal", "patience"] as const;
export type Ending = (typeof endings)[number];

/** The dev metric at which training ends; undefined where the recipe sets none. */
export function goalOf({ stopAtFraction }: Pick<Recipe, "stopAtFraction">, fullRunMetric?: number): number | undefined {
  return stopAtFraction === undefined ? undefined : stopAtFraction * (fullRunMetric ?? Number.NaN);
}

interface Standing {
  readonly step: number;
  readonly lastStep: number;
  readonly evaluations: readonly EvaluationRecord[];
  /** The index of the best evaluation; -1 before the first. */
  readonly bestEvaluation: number;
  readonly goal: number | undefined;
  readonly patience: number;
}

/** undefined if training continues. */
export function endingOf(standing: Standing): Ending | undefined {
  const { evaluations, bestEvaluation, goal, patience } = standing;
  const last = evaluations.at(-1);
  if (last !== undefined && goal !== undefined && last.devMetric >= goal) return "goal";
  if (standing.step >= standing.lastStep) return "epochs";
  return last !== undefined && evaluations.length - 1 - bestEvaluation >= patience ? "patience" : undefined;
}

interface EndedRun {
  readonly recipe: Recipe;
  readonly reference?: { readonly devMetric: number };
  /** Absent from older records. */
  readonly ending?: Ending;
}

/** Why training ended, after "Training ended"; undefined for a run that reached the end set by the recipe. */
export function endingText({ recipe, reference, ending }: EndedRun): string | undefined {
  const goal = goalOf(recipe, reference?.devMetric);
  const share =
    goal === undefined ? "" : `${recipe.stopAtFraction} of the full run's ${reference!.devMetric.toFixed(4)}`;
  const missed = goal === undefined ? "" : `; the goal of ${goal.toFixed(4)}, ${share}, was not met`;
  const { patience } = recipe;
  switch (ending) {
    case "goal":
      return `at the goal of ${goal!.toFixed(4)}, ${share}`;
    case "patience":
      return `after ${patience} ${patience === 1 ? "evaluation" : "evaluations"} without a better one${missed}`;
    case "epochs":
      return goal === undefined ? undefined : `after its last step${missed}`;
    default:
      return undefined;
  }
}
