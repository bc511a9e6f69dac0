// Recognises which set is at a path, and reads an owner's own tables under their own labels.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import type { AppError } from "@attune/shared/errors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadLabelledSet, setKindOf } from "./labelled-set.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "attune-labelled-set-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, content: string): string {
  mkdirSync(join(root, name, ".."), { recursive: true });
  writeFileSync(join(root, name), content);
  return join(root, name);
}

function refusal(path: string): string {
  try {
    loadLabelledSet(path);
  } catch (error) {
    expect((error as AppError).code).toBe("INVALID_DATASET");
    expect((error as AppError).message).not.toContain("secret");
    return (error as AppError).message;
  }
  throw new Error("nothing was refused");
}

describe("A labelled set", () => {
  test("is recognised by its files", () => {
    writeIemocapRelease(join(root, "release"));
    expect(setKindOf(join(root, "release"))).toBe("iemocap");
    write("meld/train_sent_emo.csv", "Utterance,Speaker,Emotion\n");
    expect(setKindOf(join(root, "meld"))).toBe("meld");
    write("emory/cut.csv", '"Utterance","EmoryEmotion"\n');
    expect(setKindOf(join(root, "emory"))).toBe("emorynlp");
    expect(setKindOf(join(root, "emory", "cut.csv"))).toBe("emorynlp");
    write("hex/train.tsv", "so\t0x1b\tid\n");
    expect(setKindOf(join(root, "hex"))).toBe("goemotions");
    write("posts/train.tsv", "so\t3\tid\n");
    expect(setKindOf(join(root, "posts"))).toBe("goemotions");
    write("posts/labels.txt", "joy\nfear\n");
    expect(setKindOf(join(root, "posts"))).toBe("goemotions");
    write("posts/labels.txt", "frustrated\nexcited\n");
    expect(setKindOf(join(root, "posts"))).toBe("own");
    write("calls/train.tsv", "label\ttext\n");
    expect(setKindOf(join(root, "calls"))).toBe("own");
  });

  test("of IEMOCAP has the paper's six labels and the dialogues of sessions 1 to 4", () => {
    writeIemocapRelease(join(root, "release"));
    const { name, labels, train, dev } = loadLabelledSet(join(root, "release"));
    expect([name, labels]).toEqual(["iemocap", ["frustrated", "neutral", "angry", "sad", "excited", "happy"]]);
    expect([train, dev!].map(({ length }) => length)).toEqual([30, 6]);
    expect(train[1]).toMatchObject({ label: "frustrated", labelIds: [0] });
    for (const { text } of [...train, ...dev!]) expect(text).not.toContain("Ses05");
  });

  test("of its owner takes its labels from labels.txt, in its order, by name or by id", () => {
    write("Anrufe 2/labels.txt", "Frustrated\nExcited\nCalm\n");
    write("Anrufe 2/train.csv", 'label,text\nexcited,"well, yes"\nFrustrated,no\n');
    write("Anrufe 2/dev.csv", "text,label\nhm,calm\n");
    expect(loadLabelledSet(join(root, "Anrufe 2"))).toMatchObject({
      kind: "own",
      name: "anrufe-2",
      labels: ["frustrated", "excited", "calm"],
      train: [
        { text: "well, yes", labelIds: [1] },
        { text: "no", labelIds: [0] },
      ],
      dev: [{ text: "hm", labelIds: [2] }],
    });
    write("meld/labels.txt", "frustrated\nexcited\n");
    write("meld/train.tsv", "so\t1,0\tid\n");
    expect(loadLabelledSet(join(root, "meld"))).toMatchObject({
      kind: "own",
      name: "own-meld",
      labels: ["frustrated", "excited"],
      train: [{ label: "excited,frustrated", labelIds: [1, 0] }],
    });
  });

  test("of its owner has the labels of its training rows where it lists none", () => {
    const path = write("calls.tsv", "Said\tMood\nso\tKeen\nwell\tbored\n");
    const { labels, train, dev } = loadLabelledSet(path, { columns: { text: "Said", label: "Mood" } });
    expect(labels).toEqual(["bored", "keen"]);
    expect(train.map((row) => row.labelIds)).toEqual([[1], [0]]);
    expect(dev).toBeUndefined();
    const lines = write("calls.jsonl", '{"text":"so","label":"Keen"}\n{"text":"well","label":"bored"}\n');
    expect(loadLabelledSet(lines)).toMatchObject({
      name: "calls",
      labels,
      train: [{ labelIds: [1] }, { labelIds: [0] }],
    });
    expect(refusal(write("blank.jsonl", '{"text":" ","label":"Keen"}\n'))).toMatch(
      /line 1: the column "text" is empty/,
    );
  });

  test("is refused by file and line where a label is missing, unknown, given twice or plainly none", () => {
    write("own/train.csv", "text,label\na,x\nb,y\n");
    write("own/dev.csv", "text,label\na,x\nb,secret\n");
    expect(refusal(join(root, "own"))).toMatch(
      /dev\.csv, line 3: the column "label" holds a label that is not in .*train\.csv/,
    );
    write("own/labels.txt", "x\ny\n");
    expect(refusal(join(root, "own"))).toMatch(/dev\.csv, line 3: .* not in labels\.txt/);
    write("own/labels.txt", "x\nx\n");
    expect(refusal(join(root, "own"))).toMatch(/labels\.txt, line 2: a name twice/);
    write("own/labels.txt", "x\n");
    expect(refusal(join(root, "own"))).toMatch(/labels\.txt: fewer than two labels/);
    expect(refusal(write("empty.csv", "text,label\na,x\nb,\n"))).toMatch(
      /empty\.csv, line 3: the column "label" is empty/,
    );
    expect(refusal(write("one.csv", "text,label\na,x\nb,x\n"))).toMatch(/holds 1 different labels where 2 to 100/);
    const texts = Array.from({ length: 101 }, (_, i) => `a,secret ${i}\n`).join("");
    expect(refusal(write("texts.csv", `text,label\n${texts}`))).toMatch(/holds 101 different labels .*--columns/);
    expect(refusal(write("columns.csv", "said,mood\na,x\n"))).toMatch(/the column "text" is missing; .*--columns/);
  });

  test("of EmoryNLP is read as it is published: three files, whose speakers are lists", () => {
    const header = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n";
    const rows = `hi,['Joey Tribbiani'],Joyful,1,0,1,1,,\noh,"[""Joey's Dad""]",Mad,1,1,1,1,,\nso,"['A', 'B']",Sad,1,2,1,1,,\n`;
    for (const part of ["train", "dev", "test"]) write(`emory/emorynlp_${part}_final.csv`, header + rows);
    const set = loadLabelledSet(join(root, "emory"), { test: true });
    expect(set).toMatchObject({ kind: "emorynlp", name: "emorynlp" });
    for (const part of [set.train, set.dev!, set.test!]) {
      expect(part.map(({ label, labelIds }) => [set.labels[labelIds[0]!], label])).toEqual([
        ["joyful", "joy"],
        ["mad", "anger"],
        ["sad", "sadness"],
      ]);
      expect(part.map(({ speaker }) => speaker)).toEqual(["Joey Tribbiani", "Joey's Dad", undefined]);
    }
    expect(set.warnings).toHaveLength(3);
    expect(loadLabelledSet(join(root, "emory")).test).toBeUndefined();
    const alone = join(root, "emory", "emorynlp_train_final.csv");
    expect(loadLabelledSet(alone)).toMatchObject({ kind: "emorynlp", train: [{}, {}, {}] });
  });

  test.each(["validation.csv", "valid.csv", "val.csv", "dev.csv", "dev.tsv", "validation.jsonl"])(
    "of its owner reads %s beside train.csv as its dev part",
    (name) => {
      write("own/train.csv", "text,label\na,x\nb,y\n");
      const row = name.endsWith("jsonl") ? '{"text":"c","label":"y"}\n' : "text,label\nc,y\n";
      write(`own/${name}`, name.endsWith("tsv") ? row.replaceAll(",", "\t") : row);
      write("own/test.tsv", "text\tlabel\nd\tx\n");
      const { dev, test, warnings } = loadLabelledSet(join(root, "own"), { test: true });
      expect(dev).toMatchObject([{ text: "c", labelIds: [1] }]);
      expect(test).toMatchObject([{ text: "d", labelIds: [0] }]);
      expect(warnings).toEqual([]);
    },
  );

  test("names the tables beside its parts that it does not read", () => {
    write("own/train.csv", "text,label\na,x\nb,y\n");
    for (const name of ["dev.csv", "validation.csv", "extra.jsonl", "._dev.csv", "test.parquet", "Dev.csv.gz"])
      write(`own/${name}`, "text,label\nc,y\n");
    const named = [
      expect.stringMatching(
        /own: Dev\.csv\.gz, extra\.jsonl, test\.parquet, validation\.csv are not read; call a part/,
      ),
    ];
    expect(loadLabelledSet(join(root, "own")).warnings).toEqual(named);
    write("posts/train.tsv", "so\t3\tid\n");
    write("posts/valid.tsv", "so\t4\tid\n");
    write("posts/more.tsv", "so\t4\tid\n");
    expect(loadLabelledSet(join(root, "posts"))).toMatchObject({
      dev: [{ labelIds: [4] }],
      warnings: [expect.stringMatching(/posts: more\.tsv is not read/)],
    });
    const meld = "Utterance,Speaker,Emotion\nhi,Joey,joy\n";
    for (const name of ["train_sent_emo.csv", "dev_sent_emo.csv", "more.csv"]) write(`meld/${name}`, meld);
    expect(loadLabelledSet(join(root, "meld")).warnings).toEqual([
      expect.stringMatching(/meld: more\.csv is not read/),
    ]);
  });

  test("in MELD's form is read with semicolons too", () => {
    for (const part of ["train", "dev"]) {
      write(`meld/${part}_sent_emo.csv`, 'Sr No.;Utterance;Speaker;Emotion\n1;"well; yes";Joey;joy\n');
    }
    expect(loadLabelledSet(join(root, "meld")).train).toMatchObject([
      { text: "well; yes", label: "joy", speaker: "Joey" },
    ]);
  });

  test("is refused where nothing that is known is at the path", () => {
    expect(refusal(join(root, "none"))).toMatch(/none: there is no such folder; check the path/);
    expect(refusal(join(root, "none.csv"))).toMatch(/none\.csv: there is no such file; check the path/);
    expect(refusal(root)).toMatch(/holds none of Session1 to Session5, train_sent_emo\.csv/);
  });
});
