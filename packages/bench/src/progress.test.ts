import { expect, test } from "vitest";
import { createBenchProgress } from "./progress.js";

test("every line says what is done, how much of all that is, and how long the rest takes", () => {
  let nowMs = 0;
  const lines: string[] = [];
  const progress = createBenchProgress("table8", 10, {
    write: (text) => void lines.push(text),
    isTty: false,
    nowMs: () => nowMs,
  });
  progress.begin("preparing", 4);
  nowMs = 4_000;
  progress.say("a note");
  progress.begin("timing", 6);
  nowMs = 20_000;
  progress.advance(0.5);
  expect(lines).toEqual([
    expect.stringMatching(/ 0% · table8: preparing\n$/),
    "table8: a note\n",
    expect.stringMatching(/ 40% · 6 s left · table8: timing\n$/),
    expect.stringMatching(/ 70% · 9 s left · table8: timing\n$/),
  ]);
});
