// Table 1: the distribution of the emotions over the dataset's splits.

import { paperTable1 } from "../paper.js";
import type { DataRow } from "../workbench/data.js";
import { type Cell, type Experiment, emptyCell, plainCell } from "../workbench/outcome.js";
import type { Workbench } from "../workbench/workbench.js";

export function table1({ data }: Workbench): Experiment {
  const splits: readonly (readonly ["Train" | "Validation" | "Test", readonly DataRow[] | undefined])[] = [
    ["Train", data.train],
    ["Validation", data.dev],
    ["Test", data.test],
  ];
  return {
    name: "table1",
    title: `Emotion distribution in ${data.name}`,
    tasks: [],
    assemble: () =>
      data.classes.flatMap((label) =>
        splits.map(([column, rows]): Cell => {
          const paper = data.isPaper ? paperTable1[label as keyof typeof paperTable1][column] : null;
          const place = { row: label, column, paper };
          if (rows === undefined)
            return emptyCell(
              place,
              data.isPaper ? "the folder holds no test_sent_emo.csv" : "the dataset has no test part",
            );
          const count = rows.filter((row) => row.label === label).length;
          return plainCell(place, count, data.notes);
        }),
      ),
  };
}
