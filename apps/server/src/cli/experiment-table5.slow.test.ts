// Table 5's pre-trained column from nothing: its note's commands on a made-up IEMOCAP release, the table, and a
// release of the result.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import { configOf, randomWeights } from "@attune/fakes/random-encoder";
import { encoderConfigJson } from "@attune/ml/encoder/config";
import { createRandom } from "@attune/ml/tensor/random";
import { serializeSafetensors } from "@attune/ml/tensor/safetensors";
import type { CommandIo } from "@attune/platform/cli/program";
import { emotionLabels } from "@attune/training/datasets/emotions";
import { iemocapLabels } from "@attune/training/datasets/iemocap";
import { classifierTask } from "@attune/training/experiments/classifiers/classifier-tasks";
import { openExperiments } from "@attune/training/experiments/run/experiment";
import type { RunRecord } from "@attune/training/pretraining/run/run-record";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";

const directory = mkdtempSync(join(tmpdir(), "attune-table5-"));
const at = (...names: string[]) => join(directory, ...names);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const words = { neu: "plain", fru: "grr", exc: "whoa", xxx: "hm" } as const;
const meldWords = ["plain", "great", "whoa", "grr", "alas", "yuck", "eek"];

beforeAll(() => {
  writeIemocapRelease(at("release"), (turn, code) => `so ${words[code as keyof typeof words]} ${turn}`);
  const rows = (count: number) => Array.from({ length: count }, (_, i) => i % 7);
  for (const folder of ["checkpoint", "meld", "goemotions"]) mkdirSync(at(folder));
  for (const [split, count] of Object.entries({ train: 70, dev: 28 })) {
    const lines = rows(count).map((label, i) => `${meldWords[label]} that ${i},Joey,${emotionLabels[label]}\n`);
    writeFileSync(at("meld", `${split}_sent_emo.csv`), `Utterance,Speaker,Emotion\n${lines.join("")}`);
    writeFileSync(
      at("goemotions", `${split}.tsv`),
      rows(count)
        .map((id) => `so ${meldWords[id]}\t${id}\tx\n`)
        .join(""),
    );
  }
  writeFileSync(at("goemotions", "labels.txt"), emotionLabels.join("\n"));
  const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
  const pieces = [...letters, ...letters.map((letter) => `##${letter}`), "so", "that", "hm", ...meldWords];
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...pieces];
  // The shape of BERT-Tiny.
  const config = configOf({ vocabSize: vocabulary.length });
  writeFileSync(at("checkpoint", "config.json"), encoderConfigJson(config));
  writeFileSync(at("checkpoint", "vocab.txt"), vocabulary.join("\n"));
  writeFileSync(at("checkpoint", "model.safetensors"), serializeSafetensors(randomWeights(config, createRandom(5))));
});

async function run(argv: readonly string[]): Promise<void> {
  const io: CommandIo = { stdout: () => {}, stderr: () => {}, json: true, isTty: false };
  expect(await performAttune([...argv], io)).toBe(0);
}

/** The table of these extractors with nothing computed: what the table requires, and its words for what is missing. */
function table5(extractors: readonly string[]) {
  const opened = openExperiments({
    names: ["table5"],
    dataDirectory: at("meld"),
    extractors,
    split: "dev",
    full: false,
    withBp: false,
    jobs: 1,
    iemocapDirectory: at("release"),
    cacheDirectory: at("cache"),
  });
  const { bench, experiments } = opened;
  const cells = experiments[0]!.assemble(() => ({ scores: [0.5], notes: [], seconds: 0 }));
  const cellOf = (column: string) => cells.find((cell) => cell.row === "Linear (optimum)" && cell.column === column)!;
  return { bench, cellOf };
}

/** Runs the note's commands on the made-up files, with a small recipe. */
async function follow(note: string): Promise<void> {
  const [, commands] = /: (attune .*), then /.exec(note)!;
  for (const command of commands!.split(" && ")) {
    const [, name, ...flags] = command
      .replaceAll(/ (extractors|runs)\//g, (_, folder) => ` ${at(folder)}/`)
      .replace("hf:google/bert_uncased_L-2_H-128_A-2", at("checkpoint"))
      .split(" ");
    if (name === "extractor") await run(["extractor", ...flags]);
    else await run(["pretrain", ...flags, "--set", "epochs=2", "--set", "batchSize=8"]);
  }
}

describe("Table 5", () => {
  test("gets its pre-trained column from the commands that its note names", async () => {
    const { measured, notes } = table5([]).cellOf("BERT-Tiny, pre-trained");
    expect(measured).toBeNull();
    expect(notes[0]).toContain(`--data ${at("release")}`);
    await follow(notes[0]!);

    const record: RunRecord = JSON.parse(readFileSync(at("runs", "bert-tiny", "run.json"), "utf8"));
    expect(record.tasks).toEqual([{ name: "iemocap", set: "iemocap", labels: iemocapLabels }]);
    expect(record.data.map(({ name, rows }) => [name, rows])).toEqual([
      ["iemocap/train", 30],
      ["iemocap/dev", 6],
    ]);
    expect(record).toMatchObject({ hiddenSize: 128, numHiddenLayers: 2, reference: { devMetric: expect.any(Number) } });

    const extractors = [`bert-tiny=${at("extractors/bert-tiny")}`, `bert-tiny-pretrained=${at("runs/bert-tiny")}`];
    const { bench, cellOf } = table5(extractors);
    for (const [index, variant] of ["regular", "pre-trained"].entries()) {
      expect(cellOf(`BERT-Tiny, ${variant}`)).toMatchObject({ measured: 0.5, notes: [], paperNotes: [] });
      const source = bench.extractors[index]!;
      expect(source).toMatchObject({ paper: { extractor: "BERT-Tiny", pretrained: variant === "pre-trained" } });
      expect(source.folder.pooling).toBe("cls");
      const { scores } = await classifierTask(bench, { source }, "Linear (optimum)")!.compute(() => {});
      expect(scores[0]).toBeGreaterThan(0);
    }
  });

  test("says of a run on other data what it was trained on", () => {
    mkdirSync(at("others"));
    for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
      copyFileSync(at("runs", "bert-tiny", name), at("others", name));
    }
    const tasks = [{ name: "meld", set: "meld", labels: emotionLabels }];
    writeFileSync(at("others", "run.json"), JSON.stringify({ data: [], tasks }));
    expect(table5([`bert-tiny-pretrained=${at("others")}`]).cellOf("BERT-Tiny, pre-trained")).toMatchObject({
      notes: ["pre-trained on MELD"],
      paperNotes: ["on IEMOCAP"],
    });
    expect(table5([at("others")]).cellOf("others, pre-trained")).toMatchObject({
      notes: ["pre-trained on MELD"],
      paperNotes: ["BERT-Tiny pre-trained on IEMOCAP"],
    });
    writeFileSync(at("others", "run.json"), "{}");
    expect(() => table5([at("others")])).toThrow(/run\.json is no record of a run/);
  });

  test("'s run is frozen on GoEmotions, whose card names IEMOCAP, and on no other published set", async () => {
    const argv = ["freeze", "--run", at("runs", "bert-tiny"), "--out", at("frozen"), "--threads", "1", "--data"];
    await run(["extractor", ...argv, at("goemotions")]);
    const card = readFileSync(at("frozen", "README.md"), "utf8");
    expect(card).toContain("# A feature extractor pre-trained on IEMOCAP\n");
    expect(card).toContain("| iemocap/train | 30 |");
    expect(card).toContain("- Main task: IEMOCAP (Busso et al. 2008; its release may not be passed on)");
    expect(card).toMatch(/Weighted F1 on IEMOCAP dev: [\d.]+/);
    expect(card).toContain("The terms of IEMOCAP bind");
    expect(card).toContain("attune pretrain --data IEMOCAP_full_release --from ");
    expect(card).toContain("on the 70 GoEmotions train rows");
    expect(card).not.toContain("Reddit comments");
    await expect(run(["extractor", ...argv, at("release")])).rejects.toThrow(
      /is iemocap, but DR and prior head are fitted on GoEmotions or on a set of your own/,
    );
  });
});
