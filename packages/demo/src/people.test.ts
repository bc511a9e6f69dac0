import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadPeople } from "./people.js";

const samplePeople = fileURLToPath(new URL("../../../assets/sample-people", import.meta.url));
const header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime";

function folder(train: string[], dev: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "attune-people-"));
  const row = (line: string) => `1,${line},neutral,0,0,1,1,"00:00:01,000","00:00:02,000"`;
  writeFileSync(join(directory, "train_sent_emo.csv"), [header, ...train.map(row)].join("\r\n"));
  writeFileSync(join(directory, "dev_sent_emo.csv"), [header, ...dev.map(row)].join("\r\n"));
  return directory;
}

test("the sample people are six, each with 110 utterances to learn from and 40 to be tested on", () => {
  const people = loadPeople(samplePeople);
  expect(people).toHaveLength(6);
  for (const { said } of people) {
    expect(said.filter(({ split }) => split === "train")).toHaveLength(110);
    expect(said.filter(({ split }) => split === "holdout")).toHaveLength(40);
    expect(new Set(said.map(({ id }) => id)).size).toBe(said.length);
  }
});

test("an utterance's id says its split and row and nothing of its words", () => {
  for (const { said } of loadPeople(samplePeople)) {
    for (const { id } of said) expect(id).toMatch(/^(train|holdout)-\d+$/);
  }
});

test("the most talkative come first and a directory's name holds no special character", () => {
  const directory = folder(["a,Zed O'Neil,joy", "b,Amy,joy", "c,Amy,fear"], ["d,Amy,joy", "e,Zed O'Neil,joy"]);
  expect(loadPeople(directory).map(({ name, slug }) => [name, slug])).toEqual([
    ["Amy", "amy"],
    ["Zed O'Neil", "zed-o-neil"],
  ]);
  expect(loadPeople(directory, 1)).toHaveLength(1);
});

test("a speaker who is missing from a split is left out, and none at all is an error that names the folder", () => {
  const directory = folder(["a,Amy,joy"], ["b,Bo,joy"]);
  expect(() => loadPeople(directory)).toThrow(directory);
});
