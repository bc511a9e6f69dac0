import { describe, expect, test } from "vitest";
import { readStatistics } from "../../../../test/golden/statistics.js";
import { pairedVerdict } from "./paired-verdict.js";

/** Pairs of which the later answers win `won` and lose `lost`; the answers of the others are alike. */
function pairs({ won, lost, alike }: { won: number; lost: number; alike: number }): [Uint8Array, Uint8Array] {
  const before = new Uint8Array(won + lost + alike).fill(1, won, won + lost + Math.floor(alike / 2));
  const after = before
    .slice()
    .fill(1, 0, won)
    .fill(0, won, won + lost);
  return [before, after];
}

const verdict = (won: number, lost: number, alike = 20) => pairedVerdict(...pairs({ won, lost, alike }));

describe("The verdict on pairs of answers", () => {
  test("is the place of SciPy's exact 90% interval: above one half, below or around", () => {
    const { intervals } = readStatistics();
    const expected = intervals.map(({ low, high }) => (low > 0.5 ? "better" : high < 0.5 ? "worse" : "same"));
    expect(intervals.map(({ pairs: all, wins }) => verdict(wins, all - wins))).toEqual(expected);
    for (const name of ["better", "same", "worse"])
      expect(expected.filter((e) => e === name).length).toBeGreaterThan(20);
  });

  test("is tooLittle for 19 pairs and a verdict for 20, whatever the answers", () => {
    expect(verdict(19, 0, 0)).toBe("tooLittle");
    expect(verdict(20, 0, 0)).toBe("better");
    expect(verdict(0, 0, 19)).toBe("tooLittle");
    expect(verdict(0, 0, 20)).toBe("same");
    expect(pairedVerdict([], [])).toBe("tooLittle");
  });

  test("needs five pairs that differ, all won or all lost", () => {
    expect([verdict(4, 0), verdict(5, 0), verdict(0, 4), verdict(0, 5)]).toEqual(["same", "better", "same", "worse"]);
  });

  test("ignores pairs that are both right or both wrong", () => {
    for (const alike of [20, 21, 100, 1000]) {
      expect([verdict(14, 5, alike), verdict(13, 5, alike), verdict(12, 6, alike)]).toEqual([
        "better",
        "better",
        "same",
      ]);
    }
  });

  test("turns around when before and after change places", () => {
    const opposite = { better: "worse", worse: "better", same: "same", tooLittle: "tooLittle" };
    for (let won = 0; won <= 25; won++) {
      for (let lost = 0; lost <= 25; lost++) {
        const [before, after] = pairs({ won, lost, alike: 5 });
        expect(pairedVerdict(after, before)).toBe(opposite[pairedVerdict(before, after)]);
      }
    }
  });

  test("never falls when an answer that was lost is won", () => {
    const ranks = { worse: 0, same: 1, better: 2, tooLittle: Number.NaN };
    for (let differing = 0; differing <= 60; differing++) {
      const found = Array.from({ length: differing + 1 }, (_, won) => ranks[verdict(won, differing - won)]);
      expect(found).toEqual(found.toSorted((a, b) => a - b));
    }
  });

  test("reads booleans as it reads ones and zeros", () => {
    const [before, after] = pairs({ won: 9, lost: 1, alike: 15 });
    expect(pairedVerdict(Array.from(before, Boolean), Array.from(after, Boolean))).toBe("better");
    expect(pairedVerdict(Array.from(after, Boolean), before)).toBe("worse");
  });

  test("refuses lists of different lengths and answers that are neither right nor wrong", () => {
    expect(() => pairedVerdict([true], [])).toThrow("1 answers before but 0 after");
    expect(() => pairedVerdict(Uint8Array.of(0, 1), Uint8Array.of(0, 2))).toThrow(
      "Answer 1 must be right (1) or wrong (0), not 2",
    );
  });
});
