// The effect of each flag of `attune pretrain`, seen in the record of a run that takes a moment.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";
import { writeRobertaCheckpoint } from "../../../../test/golden/roberta-checkpoint.js";

const directory = mkdtempSync(join(tmpdir(), "attune-pretrain-flags-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...names: string[]) => join(directory, ...names);
let runs = 0;

beforeAll(() => {
  writeRobertaCheckpoint(at("checkpoint"));
  mkdirSync(at("calls"));
  mkdirSync(at("extra"));
  const rows = Array.from({ length: 24 }, (_, i) => `so ${["great", "awful", "odd"][i % 3]} ${i},${"ABC"[i % 3]}\n`);
  for (const split of ["train", "dev"]) {
    writeFileSync(at("calls", `${split}.csv`), `Said,Mood\n${rows.join("")}`);
    writeFileSync(at("extra", `${split}.csv`), `Said,Mood\n${rows.slice(0, 6).join("")}`);
  }
});

async function pretrain(flags: readonly string[], out = at(`run-${++runs}`)) {
  const [lines, err]: [string[], string[]] = [[], []];
  const io = { stdout: (line: string) => lines.push(line), stderr: (text: string) => err.push(text) };
  const brief = ["vocabularySize=none", "epochs=1", "batchSize=8"].flatMap((field) => ["--set", field]);
  const data = ["--data", at("calls"), "--columns", "text=Said,label=Mood", "--from", at("checkpoint")];
  const code = await performAttune(["pretrain", ...data, ...brief, "--out", out, ...flags], {
    ...io,
    json: true,
    isTty: false,
  });
  expect(code).toBe(0);
  return { record: JSON.parse(lines.join("")), out, err: err.join("") };
}

test("--columns and --labels say what a user's own tables call text, label and the labels", async () => {
  const { record } = await pretrain(["--labels", "A=joy,B=joy,C=anger"]);
  expect(record.tasks[0].labels.toSorted()).toEqual(["anger", "joy"]);
});

test("--source names a checkpoint that is in a folder", async () => {
  expect((await pretrain([])).record.checkpoint).toMatchObject({ source: "checkpoint" });
  expect((await pretrain(["--source", "ours/small"])).record.checkpoint).toMatchObject({ source: "ours/small" });
});

test("--seed chooses the weights, and equal seeds give equal weights", async () => {
  const weights = async (seed: string) =>
    readFileSync(join((await pretrain(["--seed", seed])).out, "model.safetensors")).toString("base64");
  const first = await weights("1");
  expect(await weights("1")).toBe(first);
  expect(await weights("2")).not.toBe(first);
});

test("--extra adds the training rows of a second set", async () => {
  const rows = (record: { data: { rows: number }[] }) => record.data.map(({ rows }) => rows);
  expect(rows((await pretrain([])).record)).toEqual([24, 24]);
  expect(rows((await pretrain(["--extra", at("extra")])).record).sort()).toEqual([24, 24, 6].sort());
});

test("--recipe reads a file, which --set changes; --teacher and --reference-run name finished runs; --resume resumes", async () => {
  const teacher = await pretrain([]);
  const { recipe } = teacher.record;
  writeFileSync(at("mine.json"), JSON.stringify({ ...recipe, learningRate: 0.003 }));
  const mine = await pretrain(["--recipe", at("mine.json"), "--set", "epochs=2"]);
  expect(mine.record.recipe).toMatchObject({ learningRate: 0.003, epochs: 2 });
  const taught = await pretrain(["--teacher", teacher.out]);
  expect(taught.record.teacher).toBeTruthy();
  const part = await pretrain(["--reference-run", teacher.out, "--set", "stopAtFraction=0.5"]);
  expect(part.record.reference).toMatchObject({ devMetric: expect.any(Number) });
  // A finished run leaves nothing to do: the record stays the same.
  const again = await pretrain(["--resume"], teacher.out);
  expect(again.record.evaluations).toEqual(teacher.record.evaluations);
});
