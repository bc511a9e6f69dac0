// Table 3: the distribution of the six emotions over IEMOCAP, read from a user's own copy of the official release.

import { type Iemocap, type IemocapRow, iemocapLabels, loadIemocap } from "../../datasets/iemocap.js";
import { paperTable3 } from "../paper.js";
import { type Cell, type Experiment, emptyCell, plainCell } from "../workbench/outcome.js";
import type { Workbench } from "../workbench/workbench.js";

const howToGet =
  "IEMOCAP may not be redistributed: request the release from sail.usc.edu/iemocap, then --iemocap IEMOCAP_full_release";

function ownSplit({ train, validation }: Iemocap): string {
  const count = (rows: readonly IemocapRow[]) => new Set(rows.map(({ dialogue }) => dialogue)).size;
  const [held, kept] = [count(validation), count(train)];
  return `the paper's validation dialogues are not published: ${held} of the ${held + kept} by lot, so only train and validation together compare`;
}

export function table3({ data: { iemocap }, iemocapDirectory = iemocap }: Workbench): Experiment {
  const warnings: string[] = [];
  const data =
    iemocapDirectory === undefined ? undefined : loadIemocap(iemocapDirectory, (text) => warnings.push(text));
  const lot = data === undefined ? "" : ownSplit(data);
  const splits: readonly (readonly ["Train" | "Validation" | "Test", readonly IemocapRow[] | undefined, string])[] = [
    ["Train", data?.train, lot],
    ["Validation", data?.validation, lot],
    ["Test", data?.test, "session 5"],
  ];
  return {
    name: "table3",
    title: "Emotion distribution in IEMOCAP",
    tasks: [],
    assemble: () =>
      iemocapLabels.flatMap((label) =>
        splits.map(([column, rows, note]): Cell => {
          const place = { row: label, column, paper: paperTable3[label][column] };
          if (rows === undefined) return emptyCell(place, howToGet);
          const count = rows.filter((row) => row.label === label).length;
          return plainCell(
            place,
            count,
            [note, ...warnings].filter((text) => text !== ""),
          );
        }),
      ),
  };
}
