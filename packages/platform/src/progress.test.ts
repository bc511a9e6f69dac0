// One progress line for every long job: how far it is, how long it takes, and what it does.

import { describe, expect, test } from "vitest";
import { createProgress, type ProgressState, progressText } from "./progress.js";

function written(isTty: boolean, steps: readonly (readonly [seconds: number, state: ProgressState])[]): string {
  let text = "";
  let nowMs = 0;
  const progress = createProgress({ write: (part) => (text += part), isTty, nowMs: () => nowMs });
  for (const [seconds, state] of steps) {
    nowMs = seconds * 1000;
    progress.show(state);
  }
  progress.end();
  return text;
}

const megabytes = (done: number) => ({ what: "model.safetensors", done, total: 100 });

describe("the progress of a job", () => {
  test("is the share done, the time left, and the work in hand", () => {
    expect(progressText({ what: "loss 1.23", done: 1, total: 4, secondsLeft: 125 })).toBe(
      "████░░░░░░░░░░░░  25% · 2 min 5 s left · loss 1.23",
    );
    expect(progressText({ what: "all", done: 4, total: 4, secondsLeft: 0 })).toBe("████████████████ 100% · all");
    expect(progressText({ what: "nothing", done: 0, total: 0 })).toContain("100%");
  });

  test("in a log is a line every ten seconds, and one more at the end", () => {
    const steps = [1, 11, 12, 21, 30].map((seconds, at) => [seconds, megabytes([0, 10, 20, 50, 100][at]!)] as const);
    expect(written(false, steps)).toBe(
      [
        "░░░░░░░░░░░░░░░░   0% · model.safetensors",
        "██░░░░░░░░░░░░░░  10% · 1 min 30 s left · model.safetensors",
        "████████░░░░░░░░  50% · 20 s left · model.safetensors",
        "████████████████ 100% · model.safetensors\n",
      ].join("\n"),
    );
  });

  test("counts the time from the part that an earlier run did, and anew for the next job", () => {
    const steps = [
      [0, megabytes(80)],
      [10, megabytes(90)],
      [20, megabytes(100)],
      [30, megabytes(10)],
      [40, megabytes(20)],
    ] as const;
    const text = written(false, steps);
    expect(text).toContain("90% · 10 s left");
    expect(text).toContain("10% · model");
    expect(text).toContain("20% · 1 min 20 s left");
  });

  test("names a new work at once where it is asked to, also in a log", () => {
    const text = written(false, [
      [0, { what: "one", done: 0, total: 9 }],
      [1, { what: "two", done: 1, total: 9 }],
      [2, { what: "three", done: 2, total: 9, isNew: true }],
    ]);
    expect(text.match(/one|two|three/g)).toEqual(["one", "three"]);
  });

  test("on a terminal is one line, ended also where the job breaks off", () => {
    const text = written(true, [
      [0, megabytes(10)],
      [1, megabytes(20)],
    ]);
    expect(text).toBe(
      "\r\x1b[2K██░░░░░░░░░░░░░░  10% · model.safetensors\r\x1b[2K███░░░░░░░░░░░░░  20% · 8 s left · model.safetensors\n",
    );
  });
});
