// Outcomes are saved, some tasks are computed again, and a run that was cut off keeps its outcomes.

import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProgress } from "@attune/platform/progress";
import { afterAll, describe, expect, test } from "vitest";
import type { Task } from "../workbench/outcome.js";
import { openCellStore } from "./cell-store.js";
import { type Lane, thisThread } from "./lanes.js";
import { runTasks } from "./run.js";

const directory = mkdtempSync(join(tmpdir(), "attune-cells-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function bench(name: string) {
  const path = join(directory, name, "cells.jsonl");
  const computed: string[] = [];
  const lines: string[] = [];
  let failing: string | undefined;
  const task = (key: string): Task => ({
    key,
    what: key,
    cost: 1,
    compute() {
      if (key === failing) throw new Error("cut off; raise l2");
      computed.push(key);
      return { scores: [key.length], notes: ["fine"] };
    },
  });
  const run = (keys: string[]) =>
    runTasks(keys.map(task), {
      store: openCellStore(path),
      progress: createProgress({
        write: (text) => lines.push(text),
        isTty: true,
        nowMs: () => computed.length * 1000,
      }),
      nowMs: () => 0,
      openLanes: () => [thisThread],
    });
  return { path, computed, lines, task, run, fail: (key?: string) => (failing = key) };
}

describe("Running tasks", () => {
  test("computes equal keys once and hands every outcome back", async () => {
    const { run, computed, task } = bench("once");
    const { outcomeOf } = await run(["a", "bb", "a"]);
    expect(computed).toEqual(["a", "bb"]);
    expect(outcomeOf(task("bb"))).toEqual({ scores: [2], notes: ["fine"], seconds: 0 });
    expect(() => outcomeOf(task("ccc"))).toThrow("was not computed");
  });

  test("continues after a task that fails, says why, and computes that one alone in a rerun", async () => {
    const { run, computed, fail, task } = bench("resume");
    fail("bb");
    const { outcomeOf, faults } = await run(["a", "bb", "ccc"]);
    expect([...faults].map(([key, { code, message }]) => [key, code, message])).toEqual([
      ["bb", "INTERNAL", "cut off; raise l2"],
    ]);
    expect(outcomeOf(task("bb"))).toEqual({ scores: [], notes: ["failed: INTERNAL: cut off; raise l2"], seconds: 0 });
    expect(outcomeOf(task("ccc")).scores).toEqual([3]);
    fail();
    expect((await run(["a", "bb", "ccc"])).faults.size).toBe(0);
    expect(computed).toEqual(["a", "ccc", "bb"]);
    await run(["a", "bb", "ccc"]);
    expect(computed).toHaveLength(3);
  });

  test("computes again what a crash left half written, and leaves whole lines alone", async () => {
    const { run, computed, path, task } = bench("torn");
    await run(["a", "bb"]);
    appendFileSync(path, '{"key":"ccc","outcome":{"scores":[3],"no');
    const { outcomeOf } = await run(["a", "bb", "ccc"]);
    expect(computed).toEqual(["a", "bb", "ccc"]);
    expect(outcomeOf(task("ccc")).scores).toEqual([3]);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).key)).toEqual(["a", "bb", "ccc"]);
  });

  test("takes over what another run saves meanwhile", async () => {
    const path = join(directory, "beside", "cells.jsonl");
    const [own, other] = [openCellStore(path), openCellStore(path)];
    const { task, computed } = bench("beside-tasks");
    const first: Task = {
      ...task("a"),
      compute() {
        other.put("bb", { scores: [7], notes: ["by the other"], seconds: 1 });
        return { scores: [1], notes: [] };
      },
    };
    const { outcomeOf } = await runTasks([first, task("bb"), task("ccc")], {
      store: own,
      progress: createProgress({ write: () => {}, isTty: true, nowMs: () => 0 }),
      nowMs: () => 0,
      openLanes: () => [thisThread],
    });
    expect(computed).toEqual(["ccc"]);
    expect(outcomeOf(task("bb")).notes).toEqual(["by the other"]);
    expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(3);
  });

  test("shows how much is done and how long the rest takes", async () => {
    const { run, lines } = bench("progress");
    await run(["a", "bb", "ccc", "dddd"]);
    expect(lines.some((line) => /50% · 2 s left · ccc/.test(line))).toBe(true);
    expect(lines.at(-2)).toContain("100%");
  });

  test("gives each lane features of its own, the longest first, and lets none idle while another has some left", async () => {
    const order: string[][] = [[], []];
    const closed: number[] = [];
    const lane = (index: number): Lane => ({
      compute: async ({ key, cost }) => {
        order[index]!.push(key);
        for (let turn = 0; turn < cost; turn++) await new Promise((resolve) => setImmediate(resolve));
        return { scores: [cost], notes: [] };
      },
      close: async () => void closed.push(index),
    });
    const task = (key: string, cost: number): Task => ({
      key,
      what: key,
      cost,
      features: key[0]!,
      compute: () => ({ scores: [], notes: [] }),
    });
    const tasks = [task("a1", 2), task("b1", 40), task("b2", 9), task("b3", 90), task("a2", 2), task("c1", 30)];
    const { outcomeOf } = await runTasks(tasks, {
      store: openCellStore(join(directory, "lanes", "cells.jsonl")),
      progress: createProgress({ write: () => {}, isTty: true, nowMs: () => 0 }),
      nowMs: () => 0,
      openLanes: () => [lane(0), lane(1)],
    });
    expect(order).toEqual([
      ["b1", "b2"],
      ["c1", "a1", "a2", "b3"],
    ]);
    expect(tasks.map((each) => outcomeOf(each).scores[0])).toEqual([2, 40, 9, 90, 2, 30]);
    expect(closed).toEqual([0, 1]);
  });

  test("stops every lane where an outcome cannot be saved, and keeps what was", async () => {
    const path = join(directory, "fault", "cells.jsonl");
    const closed: string[] = [];
    const lane = (name: string): Lane => ({
      compute: ({ key }) => ({ scores: [key.length], notes: [] }),
      close: async () => void closed.push(name),
    });
    const { task } = bench("unused");
    const store = openCellStore(path);
    const full = {
      ...store,
      put: (...[key, outcome]: Parameters<typeof store.put>) => {
        if (key === "bb") throw new Error("no space");
        store.put(key, outcome);
      },
    };
    const running = runTasks(["a", "bb"].map(task), {
      store: full,
      progress: createProgress({ write: () => {}, isTty: true, nowMs: () => 0 }),
      nowMs: () => 0,
      openLanes: () => [lane("one"), lane("two")],
    });
    await expect(running).rejects.toThrow("no space");
    expect(closed).toEqual(["one", "two"]);
    expect(openCellStore(path).get("a")).toMatchObject({ scores: [1] });
  });
});
