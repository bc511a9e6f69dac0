// Table 1: how the emotions are distributed over MELD's splits.

import { emotionLabels } from "@attune/shared/contracts/dataset";
import type { LabelledRow } from "../datasets/table.js";
import { type Cell, type Experiment, emptyCell } from "./outcome.js";
import { paperTable1 } from "./paper.js";
import type { Workbench } from "./workbench.js";

export function table1({ data }: Workbench): Experiment {
  const splits: readonly (readonly ["Train" | "Validation" | "Test", readonly LabelledRow[] | undefined])[] = [
    ["Train", data.train],
    ["Validation", data.dev],
    ["Test", data.test],
  ];
  return {
    name: "table1",
    title: "Emotion distribution in MELD",
    tasks: [],
    assemble: () =>
      emotionLabels.flatMap((label) =>
        splits.map(([column, rows]): Cell => {
          const place = { row: label, column, paper: paperTable1[label][column] };
          if (rows === undefined) return emptyCell(place, "the folder holds no test_sent_emo.csv");
          const count = rows.filter((row) => row.label === label).length;
          return { ...place, measured: count, sd: null, n: 1, note: "" };
        }),
      ),
  };
}
