// One line that is rewritten on a terminal, and few lines in a log.

import { describe, expect, test } from "vitest";
import { createStatusLine, inWords } from "./status-line.js";

function open(isTty: boolean) {
  const written: string[] = [];
  const clock = { now: 0 };
  const line = createStatusLine({ write: (text) => written.push(text), isTty, nowMs: () => clock.now });
  return { written, clock, line };
}

describe("the status line", () => {
  test("is rewritten in place on a terminal, the last in any case, and left once", () => {
    const { written, clock, line } = open(true);
    line.end();
    line.show(() => "a", false);
    clock.now = 199;
    line.show(() => "too soon", false);
    clock.now = 200;
    line.show(() => "b", false);
    line.show(() => "c", true);
    line.end();
    line.end();
    expect(written).toEqual(["\r\x1b[2Ka", "\r\x1b[2Kb", "\r\x1b[2Kc", "\n"]);
  });

  test("is a line every ten seconds elsewhere, and composes no other", () => {
    const { written, clock, line } = open(false);
    let composed = 0;
    for (; clock.now < 20_000; clock.now += 100) line.show(() => `${++composed}`, false);
    line.end();
    expect(written).toEqual(["1\n", "2\n"]);
    expect(composed).toBe(2);
  });

  test("states seconds, and minutes from sixty on", () => {
    expect([-1, 0.2, 59.5, 125].map(inWords)).toEqual(["0 s", "1 s", "1 min 0 s", "2 min 5 s"]);
  });
});
