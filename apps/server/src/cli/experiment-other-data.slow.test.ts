// The experiments on datasets other than the paper's: a user's own rows, labels and speakers, and the published sets.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import { writeTinyExtractor, writeTinyMeld } from "@attune/fakes/tiny-experiment";
import { sayings } from "@attune/fakes/tiny-release";
import type { CommandIo } from "@attune/platform/cli/program";
import { AppError } from "@attune/shared/errors";
import { emotionLabels } from "@attune/training/datasets/emotions";
import { type DatasetMapping, parseMapping } from "@attune/training/datasets/mapping";
import { openCellStore } from "@attune/training/experiments/run/cell-store";
import { openExperiments } from "@attune/training/experiments/run/experiment";
import type { ExperimentOptions } from "@attune/training/experiments/run/options";
import { experimentNames } from "@attune/training/experiments/tables/catalogue";
import { openData } from "@attune/training/experiments/workbench/data";
import {
  type Cell,
  type ExperimentResult,
  experimentResultSchema,
} from "@attune/training/experiments/workbench/outcome";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";

const directory = mkdtempSync(join(tmpdir(), "attune-other-data-"));
const at = (...names: string[]) => join(directory, ...names);

/** The user's labels for the emotions of the tiny extractor's words. */
const moods = {
  joy: "très content 😀",
  anger: "Mad!",
  fear: "<b>mad</b>",
  sadness: "N/A",
  neutral: "N/A",
  surprise: "constructor",
  disgust: "constructor",
} as const;
const columns = "text=said,label=mood,speaker=who";

const homeBefore = process.env.ATTUNE_HOME;
beforeAll(() => {
  process.env.ATTUNE_HOME = at("home");
  writeTinyExtractor(at("tiny"));
  writeTinyMeld(at("meld"), { train: 60, dev: 30 });
  const lines = sayings(150).map(({ text, label }, i) => {
    const who = i % 12 === 0 ? null : i % 12 === 1 ? "Quiet" : ["Ann", "Bo & Co", "Cy"][i % 3];
    return JSON.stringify({ id: i, mood: moods[label], said: `${text} secret`, who });
  });
  writeFileSync(at("chat.jsonl"), lines.join("\n"));
});
afterAll(() => {
  if (homeBefore === undefined) delete process.env.ATTUNE_HOME;
  else process.env.ATTUNE_HOME = homeBefore;
  rmSync(directory, { recursive: true, force: true });
});

function recorder(): CommandIo & { out: string[]; err: string[] } {
  const [out, err]: [string[], string[]] = [[], []];
  return { out, err, stdout: (line) => out.push(line), stderr: (text) => err.push(text), json: true, isTty: false };
}

async function refusal(...argv: string[]): Promise<string> {
  const error = await performAttune(["experiment", ...argv], recorder()).catch((fault: unknown) => fault);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).message).not.toContain("secret");
  return `${(error as AppError).code} ${(error as AppError).message}`;
}

/**
 * Leaves the files of a stopped command: heads of 1,000 hidden units take most of a minute, and one of
 * each kind is enough.
 */
function saveMostElmCells(mapping: DatasetMapping): void {
  const { tasks } = openExperiments({
    names: experimentNames,
    dataDirectory: at("chat.jsonl"),
    mapping,
    extractors: [at("tiny")],
    split: "dev",
    full: false,
    withBp: false,
    jobs: 0,
    iemocapDirectory: undefined,
    cacheDirectory: at("home", "cache"),
  });
  const store = openCellStore(at("home", "cache", "cells.jsonl"));
  const first = new Map<string, string>();
  for (const { key } of tasks) {
    const kind = /\|(o?s?elm[^|]*)\|/.exec(key)?.[1];
    if (kind !== undefined && !first.has(kind)) first.set(kind, key);
    if (kind === undefined || first.get(kind) === key) continue;
    store.put(key, { scores: [0.5, 0.5, 0.5], notes: ["saved before"], seconds: 1 });
  }
}

const cellOf = (cells: readonly Cell[], row: string, column: string) =>
  cells.find((cell) => cell.row === row && cell.column === column);

describe("A user's own rows", () => {
  let result: ExperimentResult;
  let html: string;
  const cellsOf = (name: string) => result.tables.find(({ table }) => table === name)!.cells;

  beforeAll(async () => {
    const labels = "mad!=anger,<b>mad</b>=anger";
    saveMostElmCells(parseMapping({ columns, labels }));
    const io = recorder();
    const argv = ["all", "--data", at("chat.jsonl"), "--extractor", at("tiny"), "--columns", columns];
    expect(await performAttune(["experiment", ...argv, "--labels", labels, "--report", at("report.html")], io)).toBe(0);
    result = experimentResultSchema.parse(JSON.parse(io.out.join("")));
    html = readFileSync(at("report.html"), "utf8");
  }, 300_000);

  test("go through every table, and nothing of the paper's stands beside them but its count of IEMOCAP", () => {
    expect(result.tables).toHaveLength(9);
    for (const { table, cells } of result.tables) {
      expect(cells.length, table).toBeGreaterThan(0);
      if (table === "table3") continue;
      for (const { paper, paperNotes } of cells) expect([paper, paperNotes]).toEqual([null, []]);
    }
    const [linear, missing] = ["tiny", "BERT-Medium"].map((column) => cellOf(cellsOf("table4"), "Linear", column)!);
    expect(linear).toMatchObject({ n: 3, notes: expect.arrayContaining(["the paper's number is of MELD"]) });
    expect(linear!.measured).toBeGreaterThan(0.2);
    expect(missing!.notes[0]).toContain("no checkpoint given");
    for (const row of ["BP", "Hidden", "ELM", "OSELM (balanced)"]) {
      const cell = cellOf(cellsOf("table4"), row, "tiny")!;
      expect(cell.measured, row).toBeGreaterThan(0);
      expect(cell.notes.join(), row).not.toContain("saved before");
    }
    expect(JSON.stringify(result)).not.toContain("secret");
  });

  test("are counted under their labels and split in three, each label by itself", () => {
    const cells = cellsOf("table1");
    expect([...new Set(cells.map(({ row }) => row))]).toEqual(["anger", "constructor", "n/a", "très content 😀"]);
    const counts = ["Train", "Validation", "Test"].map((part) =>
      cells.filter(({ column }) => column === part).reduce((sum, { measured }) => sum + (measured as number), 0),
    );
    expect(counts[0]! + counts[1]! + counts[2]!).toBe(150);
    for (const held of counts.slice(1)) expect(Math.abs(held - 15)).toBeLessThanOrEqual(2);
    expect(cells[0]!.notes.join()).toContain("a tenth each is dev and test");
  });

  test("have baselines of their own", () => {
    const { alwaysNeutral, bagOfWords, randomFeatures } = result.baselines;
    expect(["n/a", "constructor"]).toContain(alwaysNeutral.label);
    for (const { measured, reference } of [alwaysNeutral, bagOfWords, randomFeatures]) {
      expect(reference).toBeNull();
      expect(measured).toBeGreaterThan(0);
    }
    expect(bagOfWords.measured).toBeGreaterThan(alwaysNeutral.measured!);
  });

  test("are sampled and personalised for those who said most, who are named as they are", () => {
    const people = [...new Set(cellsOf("table7").map(({ row }) => row))];
    expect(people).toEqual([...people.slice(0, 3), "mean of the three"]);
    expect(people.slice(0, 3).sort()).toEqual(["Ann", "Bo & Co", "Cy"]);
    expect(cellOf(cellsOf("table7"), "Ann", "scratch, 25")).toMatchObject({ n: 20 });
    const shipped = cellOf(cellsOf("table7"), "Ann", "prior + personal, 0")!;
    expect(shipped).toMatchObject({ measured: null, notes: [expect.stringMatching(/knows neutral, joy, .*--labels/)] });
    const samples = cellsOf("table2");
    expect(samples.length).toBeGreaterThan(2 * 3);
    expect(samples.every(({ row }) => /^(Ann|Bo & Co|Cy), dev line \d+$/.test(row))).toBe(true);
  });

  test("stand in the report under their names, which are text there and not HTML", () => {
    expect(html).toContain("Measured on chat's dev split");
    expect(html).toContain("Bo &#38; Co");
    expect(html).toContain("secret");
    expect(html).not.toMatch(/<b>mad|MELD \(|neutral<\/text>/);
  });
});

describe("A dataset's form", () => {
  const argv = (data: string, ...more: string[]) => ["table1", "--data", data, "--extractor", at("tiny"), ...more];

  test("is refused by file, line and column, with the flag that mends it", async () => {
    writeFileSync(at("bad.jsonl"), '{"text":"secret","label":"x"}\n{"text":"secret\n');
    expect(await refusal(...argv(at("bad.jsonl")))).toMatch(/^INVALID_DATASET .*bad\.jsonl, line 2: not JSON/);
    expect(await refusal(...argv(at("chat.jsonl")))).toMatch(
      /chat\.jsonl, line 1: the column "text" is missing; .*--columns/,
    );
    expect(await refusal(...argv(at("chat.jsonl"), "--columns", "text=said,label=id"))).toMatch(
      /chat\.jsonl: the column "id" holds 150 different labels .*--columns/,
    );
    expect(await refusal(...argv(at("chat.jsonl"), "--columns", columns, "--labels", "happy=joy"))).toMatch(
      /^INVALID_INPUT --labels happy=…: chat has no such label; it has <b>mad<\/b>, constructor, mad!/,
    );
    mkdirSync(at("parts"));
    const rows = sayings(40).map(({ text, label }) => `${text},${label === "joy" ? "joy" : "other"}\n`);
    writeFileSync(at("parts", "train.csv"), `text,label\n${rows.join("")}`);
    writeFileSync(at("parts", "dev.csv"), "text,label\nyes,joy\nsecret,glad\n");
    expect(await refusal(...argv(at("parts")))).toMatch(/dev\.csv, line 3: the column "label" .* --labels/);
    expect(await refusal(...argv(at("parts"), "--labels", "glad=joy", "--split", "test"))).toMatch(
      /^INVALID_INPUT --split test: .*parts holds no test part/,
    );
    expect(openData(at("parts"), { labels: { glad: "joy" } }, "dev")).toMatchObject({
      classes: ["joy", "other"],
      speakers: [],
      notes: [],
      dev: [{ labelId: 0 }, { labelId: 0 }],
    });
    writeFileSync(at("few.csv"), `text,label\n${rows.slice(0, 20).join("")}`);
    expect(await refusal(...argv(at("few.csv")))).toMatch(/few\.csv: \d+ rows to learn from .* needs 25/);
  });
});

describe("Which dataset", () => {
  const options = (dataDirectory: string, more: Partial<ExperimentOptions> = {}) => ({
    names: ["table2", "table3", "table7"],
    dataDirectory,
    extractors: [at("tiny")],
    split: "dev",
    jobs: 0,
    full: false,
    withBp: false,
    iemocapDirectory: undefined,
    cacheDirectory: at("cache"),
    ...more,
  });
  const opened = (dataDirectory: string, more: Partial<ExperimentOptions> = {}) => {
    const { bench, experiments } = openExperiments(options(dataDirectory, more) as ExperimentOptions);
    const series = { own: [1], All: [0.5] };
    const cells = experiments.map(({ assemble }) => assemble(() => ({ scores: [0.5], notes: [], seconds: 0, series })));
    return { bench, cells };
  };

  test("is the paper's only under the paper's labels", () => {
    expect(opened(at("meld")).bench.data).toMatchObject({ isPaper: true, name: "MELD", classes: emotionLabels });
    const { data, dataKey } = opened(at("meld"), { mapping: { labels: { disgust: "anger", fear: "anger" } } }).bench;
    expect(data).toMatchObject({ isPaper: false, name: "MELD", classes: emotionLabels });
    expect(dataKey).not.toBe(opened(at("meld")).bench.dataKey);
    const two = Object.fromEntries(emotionLabels.map((label) => [label, label === "joy" ? "good" : "bad"]));
    expect(opened(at("meld"), { mapping: { labels: two } }).bench.data.classes).toEqual(["bad", "good"]);
  });

  test("may be IEMOCAP's release, whose table 3 it is too, and whose session 5 is read for the first time", () => {
    writeIemocapRelease(at("release"));
    const { bench, cells } = opened(at("release"));
    expect(bench.data).toMatchObject({ isPaper: false, name: "IEMOCAP", speakers: [] });
    expect(bench.data.classes).toEqual(["frustrated", "neutral", "angry", "sad", "excited", "happy"]);
    expect(cellOf(cells[1]!, "excited", "Test")).toMatchObject({ paper: 299, measured: 3 });
    // Each speaker has three turns; the table needs 25.
    expect(cells[2]).toEqual([
      expect.objectContaining({ measured: null, notes: [expect.stringMatching(/^no speaker has 25 utterances/)] }),
    ]);
    expect(cellOf(cells[0]!, "Ses01F, dev Ses01F_impro01_F000", "Real label")).toBeUndefined();
    expect(cells[0]![0]!.row).toMatch(/^Ses0\d[FM], dev Ses0\d\w_/);
    expect(opened(at("release"), { split: "test" }).bench.measured).toHaveLength(9);
  });

  test("may be GoEmotions, in its groups and by rows with one emotion, or EmoryNLP in its own labels", () => {
    mkdirSync(at("posts"));
    const rows = sayings(80).map(({ text }, i) => `${text}\t${i % 4 === 0 ? "0,2" : i % 4 === 1 ? "0,1" : "27"}\tx\n`);
    for (const part of ["train", "dev", "test"]) writeFileSync(at("posts", `${part}.tsv`), rows.join(""));
    const { data, measured } = opened(at("posts"), { split: "test" }).bench;
    expect(data).toMatchObject({ name: "GoEmotions", classes: emotionLabels });
    expect([data.train.length, measured.length]).toEqual([60, 60]);
    expect(new Set(measured.map(({ label }) => label))).toEqual(new Set(["joy", "neutral"]));
    const leftOut = ["train", "dev", "test"].map(
      (part) => `20 rows (first lines 1, 5, 9) of ${part} with several labels are left out`,
    );
    expect(data.notes).toEqual(leftOut);
    expect(data.warnings).toEqual(leftOut.map((note) => `${at("posts")}: ${note}`));
    expect(opened(at("posts"), { mapping: { labels: { admiration: "praise" } } }).bench.data.classes).toHaveLength(28);

    const lines = sayings(80).map(({ text }, i) => `${text},['Ann'],${["Mad", "Joyful", "Neutral"][i % 3]}\n`);
    writeFileSync(at("emory.csv"), `Utterance,Speaker,EmoryEmotion\n${lines.join("")}`);
    const emory = opened(at("emory.csv"));
    expect(emory.bench.data).toMatchObject({ name: "EmoryNLP", speakers: ["Ann"], test: expect.any(Array) });
    // Ann is the only speaker, so no other speaker gives a prior.
    const titles = new Set(emory.cells[2]!.map(({ column }) => column.split(",")[0]));
    expect(titles.has("scratch")).toBe(true);
    expect(titles.has("others' prior + personal")).toBe(false);
  });
});
