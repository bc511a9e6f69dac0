// All experiments by name.

import type { BaselineTasks } from "../classifiers/baselines.js";
import type { ClassifierBench } from "../classifiers/classifier-tasks.js";
import type { Experiment } from "../workbench/outcome.js";
import { coverage } from "./coverage.js";
import { figure2 } from "./figure2.js";
import { table1 } from "./table1.js";
import { table2 } from "./table2.js";
import { table3 } from "./table3.js";
import { table4 } from "./table4.js";
import { table5 } from "./table5.js";
import { table6 } from "./table6.js";
import { table7 } from "./table7.js";

const catalogue = { table1, table2, table3, table4, table5, table6, table7, figure2, coverage } as const;

export type ExperimentName = keyof typeof catalogue;
export const experimentNames = Object.keys(catalogue) as readonly ExperimentName[];

export function experimentByName(
  name: ExperimentName,
  bench: ClassifierBench,
  { bagOfWords }: BaselineTasks,
): Experiment {
  return catalogue[name](bench, bagOfWords);
}
