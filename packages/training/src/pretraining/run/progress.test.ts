// The progress line shows what a waiting person wants to know, and does not flood a log.
import { describe, expect, it } from "vitest";
import { createExtractionLine, createProgressLine, progressText } from "./progress.js";

const progress = { step: 5, steps: 10, epoch: 0, epochs: 2, loss: 1.23456, devMetric: undefined, secondsLeft: 125 };

describe("the progress line", () => {
  it("holds epoch, step, loss, dev metric and time left", () => {
    expect(progressText(progress)).toBe("epoch 1/2 · step 5/10 · loss 1.2346 · 2 min 5 s left");
    expect(progressText({ ...progress, devMetric: 0.5, secondsLeft: 3 })).toContain("dev 0.5000 · 3 s left");
  });

  it("is written every ten seconds in a log and once more at the end", () => {
    let now = 0;
    const lines: string[] = [];
    const { show, end } = createProgressLine({ write: (text) => lines.push(text), isTty: false, nowMs: () => now });
    for (; now < 30_000; now += 1000) show(progress);
    expect(lines).toHaveLength(3);
    show({ ...progress, step: 10 });
    end();
    expect(lines).toHaveLength(4);
    expect(lines.every((line) => line.endsWith("\n"))).toBe(true);
  });

  it("is ended on a terminal where training ends before its last step, once", () => {
    let written = "";
    const write = (text: string) => {
      written += text;
    };
    const line = createProgressLine({ write, isTty: true, nowMs: () => 0 });
    line.show(progress);
    line.end();
    line.end();
    expect(written).toMatch(/ left\n$/);
  });
});

describe("the line of an extraction", () => {
  it("tells the share done and, from the second batch on, the time left, of each thing anew", () => {
    let now = 0;
    const lines: string[] = [];
    const report = createExtractionLine({ write: (text) => lines.push(text), isTty: false, nowMs: () => now });
    report({ what: "one", done: 10, total: 100 });
    now = 20_000;
    report({ what: "one", done: 25, total: 100 });
    report({ what: "one", done: 100, total: 100 });
    now = 90_000;
    report({ what: "another", done: 1, total: 3 });
    expect(lines).toEqual(["one: 10%\n", "one: 25% · 1 min 0 s left\n", "one: 100%\n", "another: 33%\n"]);
  });
});
