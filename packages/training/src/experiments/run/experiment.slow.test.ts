// The experiments on a small made-up dataset and a tiny extractor: each table's shape, missing measurements, and data
// that must not be shown.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import { writeTinyExtractor, writeTinyMeld } from "@attune/fakes/tiny-experiment";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { createProgress } from "@attune/platform/progress";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emotionLabels } from "../../datasets/emotions.js";
import { loadIemocap } from "../../datasets/iemocap.js";
import { meldMainSpeakers } from "../../datasets/meld.js";
import { bpTask } from "../classifiers/bp-baseline.js";
import { classifierTask } from "../classifiers/classifier-tasks.js";
import { reportHtml } from "../report/report.js";
import { type ExperimentName, experimentByName } from "../tables/catalogue.js";
import { squaredErrors } from "../tables/figure2.js";
import { type Cell, experimentResultSchema, type Outcome } from "../workbench/outcome.js";
import { type Problem, problemOf } from "../workbench/workbench.js";
import { type ExperimentRun, runExperiments } from "./experiment.js";
import type { ExperimentOptions } from "./options.js";

const directory = mkdtempSync(join(tmpdir(), "attune-experiment-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...names: string[]) => join(directory, ...names);

const options = (change: Partial<ExperimentOptions>): ExperimentOptions => ({
  names: ["table1"],
  dataDirectory: at("meld"),
  extractors: [at("tiny")],
  split: "dev",
  full: false,
  withBp: false,
  jobs: 0,
  iemocapDirectory: undefined,
  cacheDirectory: at("cache"),
  progress: createProgress({ write: () => {}, isTty: false, nowMs: () => 0 }),
  onWarning: () => {},
  ...change,
});

let run: ExperimentRun;
beforeAll(async () => {
  writeTinyExtractor(at("tiny"));
  writeTinyExtractor(at("tiny-int8"));
  const model = parseSafetensors(new Uint8Array(readFileSync(at("tiny", "model.safetensors"))));
  writeFileSync(at("tiny-int8", "model.safetensors"), serializeSafetensors(quantizeTensorFile(model)));
  writeTinyMeld(at("meld"), { train: 300, dev: 90 });
  run = await runExperiments(options({ names: ["table1", "table2", "table3", "table7", "figure2", "coverage"] }));
});

const tableOf = (name: string) => run.result.tables.find(({ table }) => table === name)!;
const cellOf = (cells: readonly Cell[], row: string, column: string) =>
  cells.find((cell) => cell.row === row && cell.column === column);

/** The table of given outcomes, without computing any. */
function assembled(name: ExperimentName, bench = run.bench, outcome: Partial<Outcome> = {}): Cell[] {
  const experiment = experimentByName(name, bench, run.baselines);
  return experiment.assemble(() => ({ scores: [0.4, 0.5, 0.6], notes: [], seconds: 0, ...outcome }));
}

describe("An experiment's result", () => {
  test("has exactly the promised fields", () => {
    const parsed = experimentResultSchema.parse(JSON.parse(JSON.stringify(run.result)));
    expect(parsed).toEqual(run.result);
    expect(parsed.baselines.bagOfWords).toMatchObject({ n: 1, reference: 0.518 });
    expect(parsed.baselines.randomFeatures.n).toBe(3);
    expect(parsed.extractors).toMatchObject([{ name: "tiny", weights: "float32", featureSize: 8, pooling: "mean" }]);
  });

  test("holds no utterance, and neither does what is kept on disk", () => {
    expect(JSON.stringify(run.result)).not.toContain("secret");
    expect(readFileSync(at("cache", "cells.jsonl"), "utf8")).not.toContain("secret");
  });

  test("is the same from the store, with nothing computed again", async () => {
    const before = readFileSync(at("cache", "cells.jsonl"), "utf8");
    const again = await runExperiments(options({ names: ["table2", "table7", "figure2"] }));
    expect(readFileSync(at("cache", "cells.jsonl"), "utf8")).toBe(before);
    expect(again.result.tables).toEqual(["table2", "table7", "figure2"].map(tableOf));
  });

  test("is the same from two threads", async () => {
    const names: ExperimentName[] = ["table2", "figure2"];
    const cacheDirectory = at("threads");
    const threads = await runExperiments(options({ names, cacheDirectory, jobs: 2 }));
    expect(threads.result.tables).toEqual(names.map(tableOf));
    expect(threads.result.baselines).toEqual(run.result.baselines);
  });

  test("is the same after half of the store was lost in the middle of a line", async () => {
    const path = at("cache", "cells.jsonl");
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.slice(0, Math.floor(before.length / 2)));
    const again = await runExperiments(options({ names: ["table2", "table7", "figure2", "coverage"] }));
    expect(again.result.tables).toEqual(["table2", "table7", "figure2", "coverage"].map(tableOf));
    const keys = (text: string) =>
      new Set(
        text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line).key),
      );
    expect(keys(readFileSync(path, "utf8"))).toEqual(keys(before));
  });
});

describe("An experiment's report", () => {
  test("stands alone, and shows the utterances", () => {
    const html = reportHtml(run);
    expect(html).toContain("secret");
    expect(html).not.toMatch(/src=|href="(?!#)|@import|url\(/);
    for (const picture of ["Joey", "tiny, FP16", "tiny, INT8"]) expect(html).toContain(picture);
  });

  test("has a table of at most nine columns for each question of table 7", () => {
    const [, section] = /<section id="table7">(.*?)<\/section>/s.exec(reportHtml(run))!;
    const tables = section!.split("<table>").slice(1);
    expect(tables).toHaveLength(7);
    expect(section!.match(/<h3>[^<]*\?<\/h3>/g)).toHaveLength(7);
    for (const table of tables) expect(table.match(/<th>/g)!.length).toBeGreaterThan(6);
    for (const table of tables)
      expect(/<thead>(.*?)<\/thead>/s.exec(table)![1]!.match(/<th>/g)!.length).toBeLessThan(10);
  });
});

describe("Settings", () => {
  test("are chosen on a fifth of train for dev, and on dev for test, which is measured alone", async () => {
    const sizes = ({ choose, final }: Problem) =>
      [choose.fit, choose.check, final.fit, final.measure].map(({ labels }) => labels.length);
    const [fit, check, ...final] = sizes(problemOf(run.bench, { source: run.bench.extractors[0]! }));
    expect([fit! + check!, ...final]).toEqual([300, 300, 90]);
    expect(check).toBeGreaterThan(50);

    writeTinyMeld(at("with-test"), { train: 300, dev: 90, test: 40 });
    const tested = await runExperiments(options({ dataDirectory: at("with-test"), split: "test" }));
    expect(sizes(problemOf(tested.bench, { source: tested.bench.extractors[0]! }))).toEqual([300, 90, 300, 40]);
    expect(tested.result.tables[0]!.split).toBe("test");
    expect(tested.result.baselines.bagOfWords.reference).toBe(0.559);
    const cells = tested.result.tables[0]!.cells.filter(({ column }) => column === "Test");
    expect(cells.reduce((sum, { measured }) => sum + (measured as number), 0)).toBe(40);
  });
});

describe("The coverage of sets of labels", () => {
  test("stands beside that of a static threshold for each person, and is the mean over their rows", () => {
    const { cells } = tableOf("coverage");
    const rows = [...new Set(cells.map(({ row }) => row))];
    expect(rows).toEqual([...meldMainSpeakers, "all rows"]);
    for (const part of ["train", "dev"]) {
      const coverages = rows.map((row) => cellOf(cells, row, `${part}, coverage`)!.measured as number);
      const mean = coverages.slice(0, 6).reduce((sum, value) => sum + value, 0) / 6;
      expect(coverages[6]).toBeCloseTo(mean, 12);
      for (const row of rows) {
        expect(cellOf(cells, row, `${part}, set size`)!.measured).toBeGreaterThanOrEqual(1);
        expect(cellOf(cells, row, `${part}, static set size`)!.measured).toBeLessThanOrEqual(7);
      }
    }
    expect(cellOf(cells, "all rows", "train, coverage")!.notes[0]).toMatch(
      /^300 rows, [+-].* standard errors from 0.9$/,
    );
  });

  test("is not measured without a prior head for the labels, and says why", () => {
    const extractors = run.bench.extractors.map(({ prior: _, ...source }) => source);
    const cells = assembled("coverage", { ...run.bench, extractors });
    expect(cells.every(({ measured }) => measured === null)).toBe(true);
    expect(cells[0]!.notes).toEqual(["the extractor has no prior head with the dataset's labels"]);
  });
});

describe("Each table", () => {
  test("1 counts the labels of the splits that are there", () => {
    const { cells } = tableOf("table1");
    expect(cells).toHaveLength(21);
    const counted = cells.filter(({ column }) => column === "Train").map(({ measured }) => measured as number);
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(cellOf(cells, "joy", "Test")).toMatchObject({ paper: 402, measured: null, n: 0 });
  });

  test("2 predicts the paper's samples and two of each main speaker, by name of the line", () => {
    const { cells } = tableOf("table2");
    expect(cells).toHaveLength(2 * (4 + 12));
    expect(cellOf(cells, "the paper's sample 2", "Prediction")!.paper).toBe("anger");
    for (const { measured } of cells) expect(emotionLabels).toContain(measured);
    expect(cells.at(-1)!.row).toMatch(/^Chandler, dev line \d+$/);
  });

  test("3 says how to get IEMOCAP where it is not given", () => {
    const { cells } = tableOf("table3");
    expect(cells).toHaveLength(18);
    expect(
      cells.every(({ measured, n, notes }) => measured === null && n === 0 && notes[0]?.includes("--iemocap")),
    ).toBe(true);
    expect(cellOf(cells, "excited", "Test")!.paper).toBe(299);
  });

  test("3 counts a user's own release, and says how many of its dialogues the lot took", () => {
    mkdirSync(at("iemocap"));
    writeIemocapRelease(at("iemocap"));
    const { train, validation } = loadIemocap(at("iemocap"), () => {});
    const dialogues = new Set([...train, ...validation].map(({ dialogue }) => dialogue)).size;
    const cells = assembled("table3", { ...run.bench, iemocapDirectory: at("iemocap") });
    const counts = cells.filter(({ column }) => column === "Test").map(({ measured }) => measured as number);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(9);
    expect(cellOf(cells, "sad", "Validation")!.notes.join()).toContain(`: 2 of the ${dialogues} by lot`);
  });

  test("4 puts the paper's number beside every row, and no number where no checkpoint is", () => {
    const cells = assembled("table4");
    expect(cellOf(cells, "Linear", "tiny")).toMatchObject({ paper: 0.507, measured: 0.5, n: 3 });
    expect(cellOf(cells, "Linear", "tiny")!.sd).toBeCloseTo(0.1, 12);
    expect(cellOf(cells, "BP", "tiny")).toMatchObject({ measured: 0.5, n: 3 });
    expect(cellOf(cells, "BP", "tiny")!.notes.join()).toContain(
      "trained on four fifths of train, the other rows on all of it",
    );
    const [bp, hidden] = assembled("table4", { ...run.bench, split: "test" }).filter(({ column }) => column === "tiny");
    for (const { notes, paperNotes } of [bp!, hidden!]) {
      expect([notes, paperNotes]).toEqual([[], ["BERT-Tiny, other weights than these"]]);
    }
    for (const column of ["tiny, macro F1", "tiny, log-loss", "tiny, Brier score", "tiny, ECE"]) {
      expect(cellOf(cells, "OSELM (balanced)", column), column).toMatchObject({ paper: null });
    }
    const missing = cells.filter(({ column }) => !column.startsWith("tiny"));
    expect(missing).toHaveLength(20);
    for (const { measured, sd, n, paper, notes } of missing) {
      expect([measured, sd, n]).toEqual([null, null, 0]);
      expect(paper).toBeGreaterThan(0.4);
      expect(notes[0]).toContain("attune extractor import hf:");
    }
  });

  test("4 and 6 give no number where every run was singular, and say so", () => {
    const outcome = { scores: [], notes: ["singular: 1000 units, l2 0"] };
    expect(cellOf(assembled("table4", run.bench, outcome), "ELM", "tiny")).toMatchObject({
      measured: null,
      sd: null,
      n: 0,
    });
    expect(cellOf(assembled("table4", run.bench, outcome), "ELM", "tiny")!.notes.join()).toContain(
      "singular: 1000 units",
    );
  });

  test("4 fills the paper's column with the checkpoint that was named so", () => {
    const paper = { extractor: "BERT-Medium", pretrained: false } as const;
    const extractors = [{ ...run.bench.extractors[0]!, name: paper.extractor, paper }];
    const named = { ...run.bench, extractors };
    const cells = assembled("table4", named);
    expect(cellOf(cells, "Hidden", "BERT-Medium")).toMatchObject({ paper: 0.578, measured: 0.5 });
    expect(cells.filter(({ column }) => column === "BERT-Medium")).toHaveLength(11);
    const shares = assembled("table6", named).filter(({ row, column }) => /Medium/.test(row) && column === "Linear");
    expect(shares.map(({ row, paper }) => [row, paper])).toEqual([
      ["BERT-Medium 8", 0.566],
      ["BERT-Medium PCA 2", 0.538],
      ["BERT-Medium PCA 1", 0.534],
    ]);
  });

  test("4 fine-tunes the whole encoder where it is asked to, and leaves nothing behind", async () => {
    const bench = { ...run.bench, seeds: [1, 2] };
    const shares: number[] = [];
    const finding = await bpTask(bench, bench.extractors[0]!).compute((share) => shares.push(share));
    expect(finding.scores).toHaveLength(2);
    for (const score of finding.scores) expect(score).toBeGreaterThan(0);
    expect(finding.confusion!.reduce((sum, count) => sum + count, 0)).toBe(90);
    // Early stopping may end a run before its last epoch.
    expect(shares).toEqual(shares.toSorted((x, y) => x - y));
    expect(shares.at(-1)).toBeGreaterThan(0.6);
    expect(readdirSync(bench.scratchDirectory)).toEqual([]);
  });

  test("4 leaves out fine-tuning that takes hours, unless it is asked for", () => {
    const [source] = run.bench.extractors;
    const config = { ...source!.folder.config, hiddenSize: 768, numHiddenLayers: 12 };
    const bench = { ...run.bench, extractors: [{ ...source!, folder: { ...source!.folder, config } }] };
    const [skipped] = assembled("table4", bench);
    expect(skipped).toMatchObject({ row: "BP", measured: null, n: 0 });
    expect(skipped!.notes[0]).toMatch(/about 6 h .* --with-bp/);
    expect(assembled("table4", { ...bench, withBp: true })[0]).toMatchObject({ row: "BP", measured: 0.5 });
  });

  test("4 resumes fine-tuning where it was cut off, to the same scores", async () => {
    const bench = { ...run.bench, seeds: [1, 2], scratchDirectory: at("scratch") };
    const task = bpTask(bench, bench.extractors[0]!);
    const whole = await task.compute(() => {});
    const cut = (share: number) => {
      if (share > 0.7) throw new Error("cut off");
    };
    await expect(async () => task.compute(cut)).rejects.toThrow("cut off");
    expect(readdirSync(bench.scratchDirectory)).toHaveLength(2);
    const shares: number[] = [];
    expect(await task.compute((share) => shares.push(share))).toEqual(whole);
    expect(shares[0]).toBeGreaterThan(0.5);
    expect(readdirSync(bench.scratchDirectory)).toEqual([]);
  });

  test("4 with --full goes through the paper's grid for each seed", async () => {
    const bench = { ...run.bench, full: true };
    for (const row of ["Linear", "ELM"] as const) {
      const shares = new Set<number>();
      const task = classifierTask(bench, { source: bench.extractors[0]! }, row)!;
      const finding = await task.compute((share) => shares.add(share));
      expect(finding.scores).toHaveLength(3);
      expect(finding.notes.some((note) => note.startsWith("chosen: "))).toBe(true);
      // Three choices among the grid's groups, then three measurements.
      expect(shares.size).toBeGreaterThanOrEqual(3 * (row === "Linear" ? 5 : 8) + 3);
    }
  });

  test("5 compares an extractor of ours with its random twin, and the paper's pairs where they are given", () => {
    const cells = assembled("table5");
    expect(new Set(cells.map(({ column }) => column)).size).toBe(2 + 8);
    expect(cellOf(cells, "OSELM", "tiny, regular")).toMatchObject({ paper: 0.486, measured: 0.5 });
    expect(cellOf(cells, "OSELM", "tiny, pre-trained")).toMatchObject({ paper: 0.505, measured: 0.5 });
    expect(cellOf(cells, "Hidden", "RoBERTa, pre-trained")).toMatchObject({ paper: 0.598, measured: null });
  });

  test("6 keeps the paper's shares of the features, and states the variance kept", () => {
    const cells = assembled("table6", run.bench, { series: { kept: [0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1] } });
    expect(cellOf(cells, "tiny PCA 4", "ELM")).toMatchObject({ paper: 0.509, measured: 0.5 });
    expect(cellOf(cells, "tiny PCA 2", "variance kept")!.measured).toBe(0.5);
    expect(cellOf(cells, "BERT-Medium PCA 64", "Hidden")).toMatchObject({ paper: 0.553, measured: null });
  });

  test("7 has every person, the paper's columns, and the curves from 0 to all", () => {
    const { cells } = tableOf("table7");
    expect(new Set(cells.map(({ row }) => row))).toEqual(new Set([...meldMainSpeakers, "mean of the six"]));
    expect(cellOf(cells, "Ross", "500")).toMatchObject({ paper: 0.477 });
    for (const column of [
      "prior + personal, 0",
      "mixture, label by label, 25",
      "others' prior + personal, All",
      "scratch, 25",
    ]) {
      expect(cellOf(cells, "Joey", column)!.measured, column).toBeGreaterThan(0);
    }
    expect(cellOf(cells, "Joey", "scratch, 0")).toBeUndefined();
    expect(cellOf(cells, "Joey", "scratch, 25")!.n).toBe(20);
    const column = "prior + personal, 25";
    const each = meldMainSpeakers.map((speaker) => cellOf(cells, speaker, column)!.measured as number);
    const whole = cellOf(cells, "mean of the six", column)!;
    expect(whole.measured).toBeCloseTo(each.reduce((sum, score) => sum + score, 0) / 6, 12);
    expect(whole).toMatchObject({
      n: 20,
      notes: [expect.stringMatching(/better than the prior alone .* for [0-6] of 6/)],
    });
  });

  test("2 of the figures measures rounding where the weights are float32", () => {
    const { cells } = tableOf("figure2");
    const largest = (row: string) => cellOf(cells, row, "largest squared error")!.measured as number;
    expect(largest("tiny FP16")).toBeLessThan(1e-5);
    expect(largest("tiny INT8")).toBeGreaterThan(largest("tiny FP16"));
    expect(cellOf(cells, "tiny FP32", "weighted F1, linear")!.measured).toBeGreaterThan(0.3);
    expect(cellOf(cells, "tiny INT8", "weighted F1 below FP32")).toMatchObject({ paper: 0.0005, n: 1 });
  });

  test("2 of the figures takes an extractor that is int8 for what it is, and says what it is measured against", async () => {
    const shipped = await runExperiments(options({ names: ["figure2"], extractors: [at("tiny-int8")] }));
    const { cells } = shipped.result.tables[0]!;
    const largest = cellOf(cells, "tiny-int8 INT8", "largest squared error")!;
    // Against its own weights, only the kernels' rounding of the activations is left.
    expect(largest.measured).toBeGreaterThan(0);
    expect(largest.measured).toBeLessThan(1e-6);
    expect(largest.notes.join()).toContain("int8 weights computed in float32");
    expect(cellOf(cells, "tiny-int8 FP32", "weighted F1, linear")!.measured).toBeGreaterThan(0.3);
  });

  test("counts squared errors by powers of ten", () => {
    const exact = createMatrix(1, 4, Float32Array.of(1, 1, 1, 1));
    const { histogram, mean, largest } = squaredErrors(exact, Float32Array.of(1, 1.5, 2, -9));
    expect(histogram).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
    expect([mean![0], largest![0]]).toEqual([101.25 / 4, 100]);
  });
});
