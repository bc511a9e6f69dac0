// All experiments by name.

import type { BaselineTasks } from "./baselines.js";
import type { Experiment } from "./outcome.js";
import { table1 } from "./table1.js";
import { table4 } from "./table4.js";
import { table7 } from "./table7.js";
import type { Workbench } from "./workbench.js";

export const experimentNames = ["table1", "table4", "table7"] as const;
export type ExperimentName = (typeof experimentNames)[number];

export function experimentByName(name: ExperimentName, bench: Workbench, baselines: BaselineTasks): Experiment {
  switch (name) {
    case "table1":
      return table1(bench);
    case "table4":
      return table4(bench);
    case "table7":
      return table7(bench, baselines.bagOfWords);
  }
}
