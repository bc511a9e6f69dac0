// Labelled sets under the names that a user gives their columns and labels, and the parts of sets that
// come in one piece.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import { AppError } from "@attune/shared/errors";
import { afterAll, describe, expect, test } from "vitest";
import { emoryLabels } from "./emorynlp.js";
import { inParts, openSets } from "./open-sets.js";

const directory = mkdtempSync(join(tmpdir(), "attune-open-sets-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string): string {
  mkdirSync(join(directory, name, ".."), { recursive: true });
  writeFileSync(join(directory, name), content);
  return join(directory, name);
}

function refusal(open: () => unknown, code: AppError["code"]): string {
  try {
    open();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe(code);
    return (error as AppError).message;
  }
  throw new Error("nothing was refused");
}

const emory = () =>
  file("emory.csv", "Utterance,Speaker,EmoryEmotion\nhi,['Joey Tribbiani'],Mad\nno,\"['A', 'B']\",Sad\n");

describe("Labels", () => {
  test("are renamed in every set that has them, and one where they come to be called the same", () => {
    const own = file("calls.csv", "text,label,speaker\nhi,Happy,Ann\nno,glad,\noh,cross,Bo\n");
    const [first, second] = openSets([own, emory()], { labels: { happy: "joy", glad: "joy", mad: "anger" } });
    expect(first).toMatchObject({ name: "calls", labels: ["cross", "joy"], renamed: { happy: "joy", glad: "joy" } });
    expect(first!.train).toEqual([
      { text: "hi", label: "joy", labelIds: [1], speaker: "Ann", sourceLine: 2 },
      { text: "no", label: "joy", labelIds: [1], sourceLine: 3 },
      { text: "oh", label: "cross", labelIds: [0], speaker: "Bo", sourceLine: 4 },
    ]);
    expect(second).toMatchObject({ kind: "emorynlp", name: "emorynlp-renamed", renamed: { mad: "anger" } });
    expect(second!.labels).toContain("anger");
    expect(second!.train.map(({ speaker }) => speaker)).toEqual(["Joey Tribbiani", undefined]);
    expect(second!.warnings).toEqual([expect.stringMatching(/emory\.csv: 1 row \(line 3\) with several speakers/)]);
  });

  test("of one row that come to be called the same count once", () => {
    file("posts/train.tsv", "hi\t0,1\ta\n");
    file("posts/dev.tsv", "hi\t27\ta\n");
    const [set] = openSets([join(directory, "posts")], { labels: { admiration: "good", amusement: "good" } });
    expect(set!.train[0]).toMatchObject({ labelIds: [0], label: "good" });
  });

  test("are refused where no set has them, or nothing is left to distinguish", () => {
    const own = file("two.csv", "text,label\nhi,x\nno,y\n");
    const unknown = () => openSets([own], { labels: { z: "x" } });
    expect(refusal(unknown, "INVALID_INPUT")).toMatch(/--labels z=…: two has no such label; it has x, y/);
    const one = () => openSets([own], { labels: { x: "y" } });
    expect(refusal(one, "INVALID_DATASET")).toMatch(/two\.csv: the column "label" holds 1 different labels/);
    const labels = Object.fromEntries(emoryLabels.map((label) => [label, "felt"]));
    expect(refusal(() => openSets([emory()], { labels }), "INVALID_INPUT")).toMatch(/--labels: makes all of them felt/);
  });
});

describe("Columns", () => {
  test("named by the user are those that are read, of CSV and JSON Lines alike", () => {
    const columns = { text: "said", label: "mood", speaker: "who" };
    const expected = [{ text: "hi", label: "x", speaker: "Ann" }, { label: "y" }];
    const table = file("mine.tsv", "mood\twho\tsaid\nX\tAnn\thi\ny\t\tno\n");
    const lines = file("mine.jsonl", '{"mood":"X","who":"Ann","said":" hi"}\n{"said":"no","mood":"y"}\n');
    for (const path of [table, lines]) {
      expect(openSets([path], { columns })[0]!.train, path).toMatchObject(expected);
      const other = { ...columns, speaker: "whom" };
      expect(refusal(() => openSets([path], { columns: other }), "INVALID_DATASET")).toMatch(
        /mine\.\w+, line 1: the column "whom" is missing/,
      );
    }
    const bare = openSets([lines], { columns: { text: "said", label: "mood" } });
    expect(bare[0]!.train[0]!.speaker).toBeUndefined();
  });

  test("of a published set are known", () => {
    const own = { text: "Utterance", label: "EmoryEmotion" };
    expect(openSets([emory()], { columns: own })[0]!.kind).toBe("emorynlp");
    const columns = { text: "Utterance", label: "MeldEmotion" };
    expect(refusal(() => openSets([emory()], { columns }), "INVALID_INPUT")).toMatch(/--columns .* emorynlp are known/);
  });

  test("of speakers that hold no name leave the row to nobody, and say so", () => {
    const several = `${"Somebody, ".repeat(7)}all`;
    const path = file(
      "speaker.jsonl",
      `{"text":"hi","label":"x","speaker":"\\u001b[2J"}\n{"text":"no","label":"y","speaker":"${several}"}\n`,
    );
    const [set] = openSets([path], {});
    expect(set!.train.map(({ speaker }) => speaker)).toEqual([undefined, undefined]);
    expect(set!.warnings).toEqual([
      expect.stringMatching(/speaker\.jsonl: the speaker of 2 rows \(lines 1, 2\) is no name of at most 64 characters/),
    ]);
  });
});

describe("Parts", () => {
  const rows = Array.from({ length: 100 }, (_, i) => `call ${i},${i % 5 ? "x" : "y"}\n`);

  test("of a set in one piece are by lot, label by label, the same ones each time", () => {
    const path = file("hundred.csv", `text,label\n${rows.join("")}`);
    const { train, dev, test } = inParts(openSets([path], {}, true)[0]!, path);
    for (const [part, size] of [
      [train, 80],
      [dev, 10],
      [test!, 10],
    ] as const) {
      expect(part).toHaveLength(size);
      expect(part.filter(({ label }) => label === "y")).toHaveLength(size / 5);
    }
    const texts = [train, dev, test!].map((part) => part.map(({ text }) => text));
    expect(new Set(texts.flat()).size).toBe(100);
    expect(inParts(openSets([path], {})[0]!, path)).toMatchObject({ train, dev });
  });

  test("that have files of their own are those, and test is read only where it is asked for", () => {
    file("own/train.jsonl", '{"text":"a","label":"x"}\n{"text":"b","label":"y"}\n');
    file("own/dev.jsonl", '{"text":"c","label":"y"}\n');
    file("own/test.jsonl", '{"text":"d","label":"z"}\n');
    const path = join(directory, "own");
    expect(inParts(openSets([path], {})[0]!, path).test).toBeUndefined();
    expect(refusal(() => openSets([path], {}, true), "INVALID_DATASET")).toMatch(
      /test\.jsonl, line 1: .* not in .*train\.jsonl; correct it, or rename it with --labels/,
    );
    const mapped = openSets([path], { labels: { z: "x" } }, true)[0]!;
    expect(mapped.test).toMatchObject([{ text: "d", labelIds: [0], label: "x" }]);
    expect(mapped).toMatchObject({ labels: ["x", "y"], renamed: { z: "x" } });
  });

  test("of IEMOCAP are the paper's, with the speakers of session 5 for a test", () => {
    const release = join(directory, "release");
    writeIemocapRelease(release);
    const [set] = openSets([release], {}, true);
    const speakers = (part: readonly { speaker?: string }[]) => [...new Set(part.map(({ speaker }) => speaker))].sort();
    expect(speakers(set!.test!)).toEqual(["Ses05F", "Ses05M"]);
    expect(speakers(set!.train)).toEqual([1, 2, 3, 4].flatMap((session) => [`Ses0${session}F`, `Ses0${session}M`]));
  });
});
