// The labelled set of a prior head: its labels are those that a release of the frozen folder predicts.

import { labelSetOf, labelSetSchema } from "@attune/shared/contracts/label-set";
import { AppError } from "@attune/shared/errors";
import { type EmoryNlpRow, loadEmoryNlp } from "../datasets/emorynlp.js";
import { emotionLabels } from "../datasets/emotions.js";
import { loadGoEmotions } from "../datasets/goemotions.js";
import { setKindOf } from "../datasets/labelled-set.js";
import { type DatasetMapping, pairsText } from "../datasets/mapping.js";
import { inParts, openSets } from "../datasets/open-sets.js";
import { rowsText, type Warn } from "../datasets/warning.js";
import { hasOneEmotion } from "./prior-head.js";

export interface PriorRow {
  readonly text: string;
  /** An index into the set's labels. */
  readonly labelId: number;
}

interface PriorSet {
  /** In the order of the head's classes. */
  readonly labels: readonly string[];
  readonly train: readonly PriorRow[];
  readonly dev: readonly PriorRow[];
  readonly dialogue: readonly EmoryNlpRow[];
  /** Absent for GoEmotions. */
  readonly own?: OwnSet;
}

/** A set of its owner's, as a card names it. */
export interface OwnSet {
  readonly name: string;
  readonly labels: readonly string[];
  /** The flags of the command that name the set's columns and labels; empty where there are none. */
  readonly flags: string;
}

export interface PriorSetInput {
  readonly dataDirectory: string;
  /** EmoryNLP: dialogue, from which the prior head learns too. */
  readonly extraPath?: string | undefined;
  readonly mapping?: DatasetMapping | undefined;
  readonly onWarning?: Warn;
}

/**
 * Rows with several labels are left out, and a warning names them. Throws INVALID_DATASET, or INVALID_INPUT for flags
 * that fit no set.
 */
export function readPriorSet(input: PriorSetInput): PriorSet {
  const { dataDirectory: path } = input;
  const kind = setKindOf(path);
  if (kind === "goemotions") return readGoEmotions(input);
  if (kind === "own") return readOwn(input);
  throw new AppError(
    "INVALID_INPUT",
    `--data ${path} is ${kind}, but DR and prior head are fitted on GoEmotions or on a set of your own; name its folder, whatever the run was trained on`,
  );
}

function readGoEmotions({ dataDirectory, extraPath, mapping = {}, onWarning = () => {} }: PriorSetInput): PriorSet {
  if (mapping.columns !== undefined || mapping.labels !== undefined) {
    throw new AppError("INVALID_INPUT", "--columns and --labels are for a set of your own; GoEmotions' are known");
  }
  const goEmotions = loadGoEmotions(dataDirectory);
  const dialogue = extraPath === undefined ? [] : loadEmoryNlp(extraPath, onWarning);
  const rowsOf = (part: "train" | "dev") => {
    const others = goEmotions[part].filter((row) => !hasOneEmotion(row)).map(({ sourceLine }) => sourceLine);
    if (others.length > 0) onWarning(`${part}: ${rowsText(others)} with several emotions are left out`);
    const kept = goEmotions[part].filter(hasOneEmotion);
    return kept.map(({ text, label }) => ({ text, labelId: emotionLabels.indexOf(label) }));
  };
  return { labels: emotionLabels, train: rowsOf("train"), dev: rowsOf("dev"), dialogue };
}

function readOwn({ dataDirectory, extraPath, mapping = {}, onWarning = () => {} }: PriorSetInput): PriorSet {
  if (extraPath !== undefined) {
    throw new AppError(
      "INVALID_INPUT",
      "--extra is for the seven emotions of GoEmotions; omit it for a set of your own",
    );
  }
  const [opened] = openSets([dataDirectory], mapping);
  const set = inParts(opened!, dataDirectory);
  for (const warning of set.warnings) onWarning(warning);
  const slugs = labelSetSchema.safeParse(labelSetOf(set.labels));
  if (!slugs.success) {
    const { path, message } = slugs.error.issues[0]!;
    const label = set.labels[Number(path[0])];
    throw new AppError(
      "INVALID_INPUT",
      `--data: ${label === undefined ? "the labels" : `the label "${label}"`} ${message}; rename labels with --labels`,
    );
  }
  const rowsOf = (part: "train" | "dev") => {
    const others = set[part].filter(({ labelIds }) => labelIds.length !== 1).map(({ sourceLine }) => sourceLine);
    if (others.length > 0) onWarning(`${part}: ${rowsText(others)} with several labels are left out`);
    const kept = set[part].filter(({ labelIds }) => labelIds.length === 1);
    return kept.map(({ text, labelIds }) => ({ text, labelId: labelIds[0]! }));
  };
  const columns = mapping.columns === undefined ? "" : ` --columns ${pairsText({ ...mapping.columns })}`;
  const renamed = mapping.labels === undefined ? "" : ` --labels ${pairsText(mapping.labels)}`;
  const own = { name: set.name, labels: set.labels, flags: `${columns}${renamed}` };
  return { labels: set.labels, train: rowsOf("train"), dev: rowsOf("dev"), dialogue: [], own };
}
