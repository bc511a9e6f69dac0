// A few files in the official release's format, and the messages for files in another format.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { iemocapDialogueName, writeIemocapFile, writeIemocapRelease } from "@attune/fakes/iemocap-release";
import type { AppError } from "@attune/shared/errors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadIemocap } from "./iemocap.js";

let root: string;
let warnings: string[];
const warn = (text: string) => void warnings.push(text);
beforeEach(() => {
  warnings = [];
  root = mkdtempSync(join(tmpdir(), "attune-iemocap-"));
  writeIemocapRelease(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(session: number, kind: "EmoEvaluation" | "transcriptions", name: string, content: string | Uint8Array) {
  writeIemocapFile(root, { session, kind, name, content });
}

function refusal(): string {
  try {
    loadIemocap(root, warn);
  } catch (error) {
    expect((error as AppError).code).toBe("INVALID_DATASET");
    expect((error as AppError).message).not.toContain("secret");
    return (error as AppError).message;
  }
  throw new Error("nothing was refused");
}

describe("IEMOCAP", () => {
  test("is read from the official layout: six classes, session 5 for testing, whole dialogues for validation", () => {
    const { train, validation, test } = loadIemocap(root, warn);
    expect(test).toHaveLength(9);
    expect(test.every(({ dialogue }) => dialogue.startsWith("Ses05F"))).toBe(true);
    expect(new Set(validation.map(({ dialogue }) => dialogue)).size).toBe(2);
    expect(train).toHaveLength(30);
    expect(train.some(({ dialogue }) => validation.some((row) => row.dialogue === dialogue))).toBe(false);
    const own = test.filter(({ dialogue }) => dialogue === "Ses05F_impro01");
    expect(own.map(({ label }) => label)).toEqual(["neutral", "frustrated", "excited"]);
    expect(own[0]).toMatchObject({ text: "secret F000", turn: "Ses05F_impro01_F000", sourceLine: 3 });
  });

  test("says how many turns it leaves out, and which are transcribed twice", () => {
    loadIemocap(root, warn);
    expect(warnings).toEqual([
      expect.stringMatching(/: turns of other emotions .* are left out: 15 \(the first: .*\.txt, line \d+\)/),
    ]);
    warnings = [];
    const name = iemocapDialogueName(2, "impro01");
    write(2, "EmoEvaluation", `${name}.txt`, `[6.2 - 8.2]\t${name}_F000\thap\t[2, 2, 2]\n`);
    const said = (words: string) => `${name}_F000 [006.2-008.2]: ${words}\n`;
    write(2, "transcriptions", `${name}.txt`, said("secret one") + said("secret two"));
    loadIemocap(root, warn);
    expect(warnings.at(-1)).toMatch(
      /: turns that are transcribed twice .*: 1 \(the first: .*Ses02F_impro01\.txt, line 1\)/,
    );
    expect(warnings.join()).not.toContain("secret");
  });

  test("splits the same way each time", () => {
    expect(loadIemocap(root, warn)).toEqual(loadIemocap(root, warn));
  });

  test("passes over the binary files that a Mac leaves beside each", () => {
    write(1, "EmoEvaluation", "._Ses01F_impro01.txt", Uint8Array.of(0, 5, 22, 7, 255));
    expect(loadIemocap(root, warn).test).toHaveLength(9);
  });

  test("names file and line of a malformed turn, an unknown code, a turn nobody spoke and a broken transcription", () => {
    const name = iemocapDialogueName(2, "impro01");
    write(2, "EmoEvaluation", `${name}.txt`, `% head\n[6.2 - 8.2] ${name}_F000 neu [2, 2, 2]\n`);
    expect(refusal()).toMatch(/Ses02F_impro01\.txt, line 2: expected \[start - end\]/);
    write(2, "EmoEvaluation", `${name}.txt`, `\n\n[6.2 - 8.2]\t${name}_F000\tbored\t[2, 2, 2]\n`);
    expect(refusal()).toMatch(/Ses02F_impro01\.txt, line 3: an emotion code/);
    write(2, "EmoEvaluation", `${name}.txt`, `[6.2 - 8.2]\t${name}_F099\thap\t[2, 2, 2]\n`);
    expect(refusal()).toMatch(/line 1: the turn Ses02F_impro01_F099 is missing in .*transcriptions/);
    write(2, "transcriptions", `${name}.txt`, `${name}_F000 secret without times\n`);
    expect(refusal()).toMatch(/transcriptions.*Ses02F_impro01\.txt, line 1: expected a turn/);
  });

  test("names a folder, a file or an encoding that is not the release's", () => {
    write(3, "transcriptions", `${iemocapDialogueName(3, "impro02")}.txt`, Uint8Array.of(0xe9, 0xff));
    expect(refusal()).toMatch(/Ses03F_impro02\.txt: the file is not UTF-8/);
    rmSync(join(root, "Session3", "dialog", "transcriptions", `${iemocapDialogueName(3, "impro02")}.txt`));
    expect(refusal()).toMatch(/Ses03F_impro02\.txt: there is no such file/);
    rmSync(join(root, "Session2", "dialog", "EmoEvaluation"), { recursive: true });
    expect(refusal()).toMatch(/Session2.*EmoEvaluation: there is no such folder; give the folder that holds Session1/);
    mkdirSync(join(root, "Session2", "dialog", "EmoEvaluation"));
    expect(refusal()).toMatch(/holds no \.txt file/);
  });
});
