// The command itself: its flags, its output files, and its words after an interruption.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIemocapRelease } from "@attune/fakes/iemocap-release";
import { writeTinyExtractor, writeTinyMeld } from "@attune/fakes/tiny-experiment";
import type { CommandIo } from "@attune/platform/cli/program";
import { identifyProcess } from "@attune/platform/process-identity";
import { experimentNames } from "@attune/training/experiments/tables/catalogue";
import { experimentResultSchema } from "@attune/training/experiments/workbench/outcome";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";
import { experimentChoices } from "./declarations/training.js";

const directory = mkdtempSync(join(tmpdir(), "attune-experiment-command-"));
const at = (...names: string[]) => join(directory, ...names);
const home = (path: string) => vi.stubEnv("ATTUNE_HOME", path);

beforeAll(() => {
  writeTinyExtractor(at("tiny"));
  writeTinyMeld(at("meld"), { train: 120, dev: 60 });
});
beforeEach(() => home(at("home")));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

describe("attune experiment", () => {
  function recorder(): CommandIo & { out: string[]; err: string[] } {
    const [out, err]: [string[], string[]] = [[], []];
    return { out, err, stdout: (line) => out.push(line), stderr: (text) => err.push(text), json: true, isTty: false };
  }
  const refusal = async (...argv: string[]) =>
    ((await performAttune(["experiment", ...argv], recorder()).catch((error: unknown) => error)) as Error).message;

  test("writes a report that is its reader's only", async () => {
    const io = recorder();
    const argv = ["table1", "--data", at("meld"), "--extractor", at("tiny"), "--report", at("out", "report.html")];
    expect(await performAttune(["experiment", ...argv], io)).toBe(0);
    expect(experimentResultSchema.parse(JSON.parse(io.out.join("")))).toBeDefined();
    expect(statSync(at("out", "report.html")).mode & 0o777).toBe(0o600);
  });

  test("measures test with --split test, and counts with --iemocap a user's own release", async () => {
    writeTinyMeld(at("split"), { train: 120, dev: 60, test: 30 });
    mkdirSync(at("release"));
    writeIemocapRelease(at("release"));
    const argv = ["table1", "table3", "--data", at("split"), "--extractor", at("tiny"), "--split", "test"];
    const measured = async (...flags: string[]) => {
      const io = recorder();
      expect(await performAttune(["experiment", ...argv, ...flags], io)).toBe(0);
      expect(io.err.at(-1)).toBe(`report: ${at("home", "reports", "table1-table3-split-test.html")}\n`);
      const { tables } = experimentResultSchema.parse(JSON.parse(io.out.join("")));
      return tables.find(({ table }) => table === "table3")!.cells.filter((cell) => cell.measured !== null).length;
    };
    expect(await measured()).toBe(0);
    expect(await measured("--iemocap", at("release"))).toBeGreaterThan(0);
  });

  test("says how to resume when it is interrupted, and resumes", async () => {
    home(at("interrupted"));
    const argv = ["table2", "table2", "--data", at("meld"), "--extractor", at("tiny"), "--jobs", "1"];
    const io = recorder();
    const interrupt = { ...io, stderr: (text: string) => void (io.err.push(text) === 1 && process.emit("SIGINT")) };
    expect(await performAttune(["experiment", ...argv], interrupt)).toBe(130);
    expect(io.err.at(-1)).toBe("stopped; repeat the command to resume\n");
    expect(io.out).toEqual([]);
    expect(await performAttune(["experiment", ...argv], io)).toBe(0);
    const { tables } = experimentResultSchema.parse(JSON.parse(io.out.join("")));
    expect(tables.map(({ table }) => table)).toEqual(["table2"]);
    expect(io.err.at(-1)).toBe(`report: ${at("interrupted", "reports", "table2-meld-dev.html")}\n`);
  });

  test("says which other process computes in the same home, and since when, and works beside it", async () => {
    home(at("beside"));
    const runs = at("beside", "cache", "runs");
    const other = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
    try {
      const identity = await identifyProcess(other.pid!);
      mkdirSync(runs, { recursive: true });
      const since = "2026-01-02T03:04:05.000Z";
      writeFileSync(join(runs, `${other.pid}.json`), JSON.stringify({ ...identity, since }));
      writeFileSync(join(runs, "1.json"), JSON.stringify({ pid: 1, startedAt: "another boot", since }));
      const io = recorder();
      expect(await performAttune(["experiment", "table1", "--data", at("meld"), "--extractor", at("tiny")], io)).toBe(
        0,
      );
      expect(io.err[0]).toBe(
        `process ${other.pid} has computed experiments in this home since ${since}; this one works beside it and takes over the cells that it saves\n`,
      );
      expect(readdirSync(runs)).toEqual([`${other.pid}.json`]);
    } finally {
      other.kill();
    }
  });

  test("names what could not be computed, prints and saves everything else, and tries it again", async () => {
    home(at("failing"));
    const cache = at("failing", "cache");
    mkdirSync(cache, { recursive: true });
    // A file stands where the features are kept, so no table that needs an encoder can be computed.
    writeFileSync(join(cache, "features"), "");
    const argv = ["table1", "table2", "figure2", "--data", at("meld"), "--extractor", at("tiny"), "--jobs", "1"];
    const io = recorder();
    expect(await performAttune(["experiment", ...argv], io)).toBe(1);
    const { tables, baselines, failed } = experimentResultSchema.parse(JSON.parse(io.out.join("")));
    expect(tables.map(({ table }) => table)).toEqual(["table1", "table2", "figure2"]);
    expect(tables[0]!.cells[0]!.measured).toBeGreaterThan(0);
    const predictions = tables[1]!.cells.filter(({ column }) => column === "Prediction");
    expect(new Set(predictions.map(({ measured }) => measured))).toEqual(new Set([null]));
    expect(baselines).toMatchObject({ bagOfWords: { n: 1 }, randomFeatures: { measured: null, n: 0 } });
    expect(new Set(failed.map(({ table }) => table))).toEqual(new Set(["table2", "figure2", "baselines"]));
    expect(failed[0]).toMatchObject({ what: "sample predictions", message: expect.stringContaining("features") });
    expect(io.err.join("")).toMatch(/\nfailed: table2, sample predictions: INTERNAL: .*features/);
    expect(io.err.join("")).toMatch(/\n5 cells could not be computed; repeat the command to retry\n/);
    const report = readFileSync(at("failing", "reports", "table1-table2-figure2-meld-dev.html"), "utf8");
    expect(report).toContain("<h2>What could not be computed</h2><ul><li>table2, sample predictions: INTERNAL: ");
    rmSync(join(cache, "features"));
    const again = recorder();
    expect(await performAttune(["experiment", ...argv], again)).toBe(0);
    expect(experimentResultSchema.parse(JSON.parse(again.out.join(""))).failed).toEqual([]);
  });

  test("refuses a place that it cannot write to before it computes anything", async () => {
    const [file, argv] = [at("meld", "dev_sent_emo.csv"), ["table1", "--data", at("meld"), "--extractor", at("tiny")]];
    expect(await refusal(...argv, "--report", join(file, "report.html"))).toBe(
      `${file} cannot be made or written (EEXIST); --report must name a place that this user can write`,
    );
    expect(await refusal(...argv, "--report", at("meld"))).toBe(`--report ${at("meld")} is a folder; name a file`);
    for (const [place, code] of [
      [join(file, "home"), "ENOTDIR"],
      ["/proc/nope", "ENOENT"],
    ] as const) {
      home(place);
      expect(await refusal(...argv)).toBe(
        `${join(place, "cache")} cannot be made or written (${code}); ATTUNE_HOME must name a place that this user can write`,
      );
    }
  });

  test("names what is wrong with its flags", async () => {
    expect(await refusal()).toContain(experimentNames.join(", "));
    expect(await refusal("table9", "--data", "x")).toContain("NAME table9 is not one of table1");
    expect(experimentChoices).toEqual([...experimentNames, "all"]);
    expect(await refusal("table1")).toContain("--data is missing");
    expect(await refusal("table1", "--data", at("meld"), "--extractor", "")).toContain("--extractor is empty");
    expect(await refusal("table1", "--data", at("meld"), "--split", "train")).toContain("--split train");
    expect(await refusal("table1", "--data", at("meld"), "--split", "test")).toContain("test_sent_emo.csv");
    expect(await refusal("table1", "--data", at("meld"), "--extractor", `gpt=${at("tiny")}`)).toContain(
      "roberta, mobilebert",
    );
    const twice = ["--extractor", at("tiny"), "--extractor", at("tiny")];
    expect(await refusal("table1", "--data", at("meld"), ...twice)).toContain("two of the folders are called tiny");
  });
});
