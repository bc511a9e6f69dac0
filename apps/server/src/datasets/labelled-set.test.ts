// Which set is at a path, and an owner's own tables under their own labels.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppError } from "@attune/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeIemocapRelease } from "../../../../test/fakes/iemocap-release.js";
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
  it("is told by its files", () => {
    writeIemocapRelease(join(root, "release"));
    expect(setKindOf(join(root, "release"))).toBe("iemocap");
    write("meld/train_sent_emo.csv", "Utterance,Speaker,Emotion\n");
    expect(setKindOf(join(root, "meld"))).toBe("meld");
    write("emory/cut.csv", '"Utterance","EmoryEmotion"\n');
    expect(setKindOf(join(root, "emory"))).toBe("emorynlp");
    expect(setKindOf(join(root, "emory", "cut.csv"))).toBe("emorynlp");
    write("posts/train.tsv", "so\t3\tid\n");
    expect(setKindOf(join(root, "posts"))).toBe("goemotions");
    write("posts/labels.txt", "joy\nfear\n");
    expect(setKindOf(join(root, "posts"))).toBe("goemotions");
    write("posts/labels.txt", "frustrated\nexcited\n");
    expect(setKindOf(join(root, "posts"))).toBe("own");
    write("calls/train.tsv", "label\ttext\n");
    expect(setKindOf(join(root, "calls"))).toBe("own");
  });

  it("of IEMOCAP has the paper's six labels and the dialogues of sessions 1 to 4", () => {
    writeIemocapRelease(join(root, "release"));
    const { name, labels, train, dev } = loadLabelledSet(join(root, "release"));
    expect([name, labels]).toEqual(["iemocap", ["frustrated", "neutral", "angry", "sad", "excited", "happy"]]);
    expect([train, dev!].map(({ length }) => length)).toEqual([30, 6]);
    expect(train[1]).toMatchObject({ label: "frustrated", labelIds: [0] });
    for (const { text } of [...train, ...dev!]) expect(text).not.toContain("Ses05");
  });

  it("of its owner takes its labels from labels.txt, in its order, by name or by id", () => {
    write("Anrufe 2/labels.txt", "Frustrated\nExcited\nCalm\n");
    write("Anrufe 2/train.csv", 'label,text\nexcited,"well, yes"\nFrustrated,no\n');
    write("Anrufe 2/dev.csv", "text,label\nhm,calm\n");
    expect(loadLabelledSet(join(root, "Anrufe 2"))).toMatchObject({
      ...{ kind: "own", name: "anrufe-2", labels: ["frustrated", "excited", "calm"] },
      train: [
        { text: "well, yes", labelIds: [1] },
        { text: "no", labelIds: [0] },
      ],
      dev: [{ text: "hm", labelIds: [2] }],
    });
    write("meld/labels.txt", "frustrated\nexcited\n");
    write("meld/train.tsv", "so\t1,0\tid\n");
    expect(loadLabelledSet(join(root, "meld"))).toMatchObject({
      ...{ kind: "own", name: "own-meld", labels: ["frustrated", "excited"] },
      train: [{ label: "excited,frustrated", labelIds: [1, 0] }],
    });
  });

  it("of its owner has the labels of its training rows where it lists none", () => {
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

  it("is refused by file and line where a label is missing, unknown, given twice or plainly none", () => {
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

  it("is refused where nothing that is known is at the path", () => {
    expect(refusal(join(root, "none"))).toMatch(/none: there is no such folder; check the path/);
    expect(refusal(join(root, "none.csv"))).toMatch(/none\.csv: there is no such file; check the path/);
    expect(refusal(root)).toMatch(/holds none of Session1 to Session5, train_sent_emo\.csv/);
  });
});
