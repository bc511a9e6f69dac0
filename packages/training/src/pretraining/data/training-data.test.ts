// The data of a run: the main set's tasks, dev rows and digests, and the sets that fit together.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@attune/platform/sha256";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataFolder, describeUnlessLacking, lackOfData } from "../../../../../test/requirements.js";
import { loadTrainingData } from "./training-data.js";

const directory = mkdtempSync(join(tmpdir(), "attune-training-data-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...names: string[]) => join(directory, ...names);

beforeAll(() => {
  for (const folder of ["goemotions", "meld"]) mkdirSync(at(folder));
  writeFileSync(at("goemotions", "train.tsv"), "well done\t0,3\ta\nso\t27\tb\n");
  writeFileSync(at("goemotions", "dev.tsv"), "oh\t26\tc\n");
  for (const split of ["train", "dev"]) {
    writeFileSync(at("meld", `${split}_sent_emo.csv`), "Utterance,Speaker,Emotion\nhi,Joey,joy\nno,Ross,anger\n");
  }
  const emory = Array.from({ length: 20 }, (_, i) => `line ${i},Joey,${i % 2 ? "Mad" : "Sad"}\n`);
  writeFileSync(at("emory.csv"), `Utterance,Speaker,EmoryEmotion\n${emory.join("")}`);
  const own = Array.from({ length: 20 }, (_, i) => `${i % 2 ? "Bored" : "Keen"},call ${i}\n`);
  writeFileSync(at("My Calls.csv"), `Mood,Said\n${own.join("")}`);
});

describe("The data of a run", () => {
  test("are GoEmotions' 28 labels, several of a row sharing it, beside EmoryNLP's seven, under the digests that records have", () => {
    const { tasks, dev, digests, records } = loadTrainingData({ data: at("goemotions"), extra: at("emory.csv") });
    expect(tasks.map(({ name, classes, rows }) => [name, classes.length, rows.length])).toEqual([
      ["goemotions", 28, 2],
      ["emorynlp", 7, 20],
    ]);
    expect([0, 1, 3].map((id) => tasks[0]!.rows[0]!.target[id])).toEqual([0.5, 0, 0.5]);
    expect(dev[0]!.target[26]).toBe(1);
    expect(digests.map(({ name, rows }) => [name, rows])).toEqual([
      ["goemotions/train", 2],
      ["goemotions/dev", 1],
      ["emorynlp", 20],
    ]);
    expect(digests[0]!.sha256).toBe(sha256("joy\twell done\nneutral\tso\n"));
    expect(records).toMatchObject([
      { name: "goemotions", set: "goemotions" },
      { name: "emorynlp", set: "emorynlp" },
    ]);
  });

  test("hold a tenth back by lot where a set is in one piece, and another for a test, and all of it is learned where it is the second", () => {
    const alone = loadTrainingData({ data: at("emory.csv"), extra: at("meld") });
    expect(alone.digests.map(({ name, rows }) => [name, rows])).toEqual([
      ["emorynlp/train", 16],
      ["emorynlp/dev", 2],
      ["meld/train", 2],
    ]);
    expect(loadTrainingData({ data: at("emory.csv") }).dev).toEqual(alone.dev);
    const columns = { text: "Said", label: "Mood" };
    const own = loadTrainingData({ data: at("meld"), extra: at("My Calls.csv"), mapping: { columns } });
    expect(own.digests.at(-1)).toMatchObject({ name: "my-calls", rows: 20 });
    expect(own.records).toEqual([
      { name: "meld", set: "meld", labels: expect.any(Array) },
      { name: "my-calls", set: "own", labels: ["bored", "keen"], columns },
    ]);
  });

  test("say which labels were renamed, and are other data for it", () => {
    const mapping = { labels: { anger: "mad", mad: "cross" } };
    const { tasks, digests, records } = loadTrainingData({ data: at("meld"), extra: at("emory.csv"), mapping });
    expect(records).toMatchObject([
      { name: "meld-renamed", set: "meld", renamed: { anger: "mad" } },
      { name: "emorynlp-renamed", set: "emorynlp", renamed: { mad: "cross" } },
    ]);
    expect(tasks[0]!.classes).toContain("mad");
    expect(digests[0]!.sha256).not.toBe(loadTrainingData({ data: at("meld") }).digests[0]!.sha256);
  });

  test("distinguish an owner's sets by their labels too", () => {
    const digests = ["bored\nkeen", "keen\nbored"].map((names, i) => {
      mkdirSync(at(`own-${i}`));
      writeFileSync(at(`own-${i}`, "labels.txt"), names);
      for (const split of ["train", "dev"]) writeFileSync(at(`own-${i}`, `${split}.csv`), "text,label\nhm,keen\n");
      return loadTrainingData({ data: at(`own-${i}`) }).digests[0]!.sha256;
    });
    expect(digests[0]).not.toBe(digests[1]);
  });

  test("are refused where sets do not go together", () => {
    const load = (more: object) => () => loadTrainingData({ data: at("meld"), ...more });
    expect(load({ extra: at("meld") })).toThrow(/--extra is called meld as --data is/);
    expect(load({ mapping: { columns: { text: "Said", label: "Mood" } } })).toThrow(
      /--columns .* columns of meld are known/,
    );
    writeFileSync(at("few.csv"), "text,label\na,x\nb,y\n");
    expect(() => loadTrainingData({ data: at("few.csv") })).toThrow(/few\.csv: too few rows of each label/);
  });
});

describeUnlessLacking(
  "the published files",
  lackOfData("goemotions/train.tsv", "emorynlp/emorynlp_pretrain_noleak.csv"),
  () => {
    test("have the digests that the bundled extractor's record names", () => {
      const { digests } = loadTrainingData({
        data: join(dataFolder, "goemotions"),
        extra: join(dataFolder, "emorynlp"),
      });
      const record = new URL("../../../../../assets/extractor/run.json", import.meta.url);
      expect(digests).toEqual(JSON.parse(readFileSync(record, "utf8")).data);
    });
  },
);
