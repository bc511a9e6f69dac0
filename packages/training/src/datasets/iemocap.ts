// Reads a user's own copy of IEMOCAP (Busso et al. 2008) in its official layout: Session1 … Session5, each with
// dialog/EmoEvaluation/*.txt (labels) and dialog/transcriptions/*.txt (what was said).

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createRandom } from "@attune/ml/tensor/random";
import { isPresentSync } from "@attune/platform/presence";
import { datasetError, readTextFile } from "./text-file.js";
import type { Warn } from "./warning.js";

/** The six most common emotions, which the paper keeps, by the release's own codes. */
const labelOfCode = {
  fru: "frustrated",
  neu: "neutral",
  ang: "angry",
  sad: "sad",
  exc: "excited",
  hap: "happy",
} as const;

/** Other codes of the release. Their turns are left out, as are turns without agreement of the annotators (xxx). */
const otherCodes = new Set(["sur", "fea", "dis", "oth", "xxx"]);

type IemocapLabel = (typeof labelOfCode)[keyof typeof labelOfCode];
export const iemocapLabels: readonly IemocapLabel[] = Object.values(labelOfCode);

export interface IemocapRow {
  readonly text: string;
  readonly label: IemocapLabel;
  /** The session and the person whose motion was captured, as in Ses01F. */
  readonly dialogue: string;
  /** The turn's name, as in Ses01F_impro01_F000. */
  readonly turn: string;
  /** The line of the evaluation file. */
  readonly sourceLine: number;
}

export interface Iemocap {
  /** Sessions 1 to 4 without the validation dialogues. */
  readonly train: readonly IemocapRow[];
  /** A sixth of the dialogues of sessions 1 to 4 (20 of the release's 120), drawn by lot, the same ones each time. */
  readonly validation: readonly IemocapRow[];
  /** Session 5, whose speakers are in no other session. */
  readonly test: readonly IemocapRow[];
}

const sessions = [1, 2, 3, 4, 5] as const;
const turnLine = /^\[\d+\.\d+ - \d+\.\d+\]\t(\S+)\t(\S+)\t\[/;
const spokenLine = /^(Ses\d\d[FM]_\S+)\s+\[[\d.]+\s*-\s*[\d.]+\]:\s?(.*)$/;

/** Throws INVALID_DATASET, naming the file and, for a fault of one line, the line. */
export function loadIemocap(directory: string, warn: Warn): Iemocap {
  const odd: OddTurns = { leftOut: [], twice: [] };
  const bySession = sessions.map((session) => readSession(join(directory, `Session${session}`), odd));
  const tell = ([first, ...others]: readonly Place[], what: string) => {
    if (first === undefined) return;
    warn(`${directory}: ${what}: ${others.length + 1} (the first: ${first.path}, line ${first.line})`);
  };
  tell(odd.leftOut, "turns of other emotions than the paper's six, or that annotators did not agree on, are left out");
  tell(odd.twice, "turns that are transcribed twice are read as the last");
  const learned = bySession.slice(0, 4).flat();
  const dialogues = [...new Set(learned.map(({ dialogue }) => dialogue))].sort();
  createRandom(2021).shuffle(dialogues);
  const validation = new Set(dialogues.slice(0, Math.round(dialogues.length / 6)));
  return {
    train: learned.filter(({ dialogue }) => !validation.has(dialogue)),
    validation: learned.filter(({ dialogue }) => validation.has(dialogue)),
    test: bySession[4]!,
  };
}

interface Place {
  readonly path: string;
  readonly line: number;
}

interface OddTurns {
  readonly leftOut: Place[];
  readonly twice: Place[];
}

function readSession(directory: string, odd: OddTurns): IemocapRow[] {
  const evaluations = join(directory, "dialog", "EmoEvaluation");
  const transcriptions = join(directory, "dialog", "transcriptions");
  for (const path of [evaluations, transcriptions]) {
    if (!isPresentSync(path)) {
      throw datasetError(path, undefined, "there is no such folder; give the folder that holds Session1 to Session5");
    }
  }
  // An archive made on a Mac holds a binary ._ file beside each file.
  const names = readdirSync(evaluations)
    .filter((name) => name.endsWith(".txt") && !name.startsWith("."))
    .sort();
  if (names.length === 0)
    throw datasetError(evaluations, undefined, "the folder holds no .txt file; unpack the release again");
  return names.flatMap((name) => readDialogue(join(evaluations, name), join(transcriptions, name), odd));
}

function readDialogue(evaluationPath: string, transcriptionPath: string, odd: OddTurns): IemocapRow[] {
  const { spoken, twice } = readTranscription(transcriptionPath);
  const rows: IemocapRow[] = [];
  for (const [index, line] of linesOf(evaluationPath)) {
    if (!line.startsWith("[")) continue; // the header and the annotators' single votes
    const match = turnLine.exec(line);
    if (match === null) {
      throw datasetError(evaluationPath, index, "expected [start - end], turn, emotion, [values], separated by tabs");
    }
    const [, turn, code] = match as unknown as [string, string, string];
    const label = Object.hasOwn(labelOfCode, code) ? labelOfCode[code as keyof typeof labelOfCode] : undefined;
    if (label === undefined && !otherCodes.has(code)) {
      throw datasetError(evaluationPath, index, "an emotion code that the release does not use; correct the line");
    }
    if (label === undefined) {
      odd.leftOut.push({ path: evaluationPath, line: index });
      continue;
    }
    const text = spoken.get(turn);
    if (text === undefined) {
      throw datasetError(evaluationPath, index, `the turn ${turn} is missing in ${transcriptionPath}`);
    }
    if (twice.has(turn)) odd.twice.push({ path: evaluationPath, line: index });
    rows.push({ text, label, dialogue: turn.replace(/_[^_]*$/, ""), turn, sourceLine: index });
  }
  return rows;
}

/** Lines without a turn's name are remarks of the transcribers. */
function readTranscription(path: string): { spoken: Map<string, string>; twice: Set<string> } {
  const twice = new Set<string>();
  const spoken = new Map<string, string>();
  for (const [index, line] of linesOf(path)) {
    const match = spokenLine.exec(line);
    if (match === null) {
      if (/^Ses\d\d[FM]_/.test(line))
        throw datasetError(path, index, "expected a turn, [start-end]: and what was said");
      continue;
    }
    const text = match[2]!.trim();
    const turn = match[1]!;
    if (spoken.has(turn) && spoken.get(turn) !== text) twice.add(turn);
    if (text !== "") spoken.set(turn, text);
  }
  return { spoken, twice };
}

function linesOf(path: string): [number, string][] {
  return readTextFile(path)
    .split(/\r?\n/)
    .map((line, index) => [index + 1, line]);
}
