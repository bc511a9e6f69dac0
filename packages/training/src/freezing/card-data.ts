// Describes the labelled sets of a training run in a model card: names, terms, limits, and the paths in the commands.

import { pairsText } from "../datasets/mapping.js";
import type { SetKind } from "../datasets/set.js";
import type { TaskRecord } from "../pretraining/data/training-data.js";
import type { RunRecord } from "../pretraining/run/run-record.js";

const titles: Readonly<Record<Exclude<SetKind, "own">, string>> = {
  goemotions: "GoEmotions",
  iemocap: "IEMOCAP",
  meld: "MELD",
  emorynlp: "EmoryNLP",
};

const descriptions: Readonly<Record<Exclude<SetKind, "own">, string>> = {
  goemotions: "GoEmotions (Demszky et al. 2020, Apache-2.0): Reddit comments under the Ekman grouping of its labels",
  iemocap:
    "IEMOCAP (Busso et al. 2008; its release may not be passed on): acted dialogue of ten speakers, six emotions, sessions 1 to 4",
  meld: "MELD (Poria et al. 2019): utterances of the series Friends under its seven labels",
  emorynlp: "EmoryNLP (Zahiri and Choi 2018, Apache-2.0): utterances of the series Friends under its own seven labels",
};

/** Sets whose licence lets anyone use a model that was made of them. */
const openKinds: readonly SetKind[] = ["goemotions", "emorynlp"];

export interface CardData {
  /** The title of the main set. */
  readonly title: string;
  /** The titles of all sets, as in "A and B". */
  readonly titles: string;
  readonly onMeld: boolean;
  readonly isOpen: boolean;
  /** `chosen` is a sentence about the use of the main set's dev rows. */
  readonly description: (chosen: string) => string;
  /** The flags that name the sets in a command that repeats the run. */
  readonly flags: { readonly data: string; readonly others: string };
}

/** `folder` is the folder of the sets, ending in a slash; empty for sets under their plain names. */
export function cardDataOf(run: Pick<RunRecord, "data" | "tasks">, folder = ""): CardData {
  const sets = run.tasks ?? formerTasks(run);
  const [main, second] = sets as [TaskRecord, TaskRecord | undefined];
  const columns = sets.find((task) => task.columns)?.columns;
  const renamed: Record<string, string> = Object.assign({}, ...sets.map((task) => task.renamed));
  return {
    title: titleOf(main),
    titles: sets.map(titleOf).join(" and "),
    onMeld: sets.some(({ set }) => set === "meld"),
    isOpen: sets.every(({ set }) => openKinds.includes(set)),
    description: (chosen) =>
      `- Main task: ${descriptionOf(main)}. ${chosen}${overlapOf(main)}${second ? `\n- Second task: ${descriptionOf(second)}.${overlapOf(second)}` : ""}`,
    flags: {
      data: `--data ${pathOf(main, folder)}`,
      others: `${second ? ` --extra ${pathOf(second, folder)}` : ""}${columns ? ` --columns ${pairsText({ text: columns.text, label: columns.label })}` : ""}${Object.keys(renamed).length > 0 ? ` --labels ${pairsText(renamed)}` : ""}`,
    },
  };
}

/** Records without tasks are of GoEmotions, with or without EmoryNLP. */
function formerTasks({ data }: Pick<RunRecord, "data">): TaskRecord[] {
  const sets: SetKind[] = data.some(({ name }) => name === "emorynlp") ? ["goemotions", "emorynlp"] : ["goemotions"];
  return sets.map((set) => ({ name: set, set, labels: [] }));
}

function titleOf({ name, set }: TaskRecord): string {
  return set === "own" ? name : titles[set];
}

function descriptionOf({ name, set, labels, renamed }: TaskRecord): string {
  if (set === "own") return `${name}: a set of its owner's under the labels ${labels.join(", ")}`;
  return renamed === undefined ? descriptions[set] : `${descriptions[set]}, renamed to ${labels.join(", ")}`;
}

function overlapOf({ set }: TaskRecord): string {
  return set === "emorynlp"
    ? "\n  Utterances of MELD's dev and test splits were cut. Some of its utterances may be in MELD's train split."
    : "";
}

function pathOf({ name, set }: TaskRecord, folder: string): string {
  return set === "iemocap" ? "IEMOCAP_full_release" : `${folder}${set === "own" ? name : set}`;
}
