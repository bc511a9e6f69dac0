// The pictures show their numbers, and no text of theirs becomes markup.

import { describe, expect, test } from "vitest";
import { barChart } from "./bar-chart.js";
import { confusionChart } from "./confusion-chart.js";
import { lineChart } from "./line-chart.js";
import { reliabilityChart } from "./reliability-chart.js";

const axes = { title: "<b>&", xLabel: "x", yLabel: "y" };
const heightsOf = (svg: string) =>
  [...svg.matchAll(/<rect[^>]* height="([\d.]+)"/g)].map(([, height]) => Number(height));

describe("a chart of bars", () => {
  test("draws a bar as tall as its share of the largest, and names its value", () => {
    const bars = [20, 10, 0].map((value, i) => ({ label: `bin ${i}`, value }));
    const svg = barChart({ ...axes, bars });
    const [first, second, third] = heightsOf(svg);
    expect(second! / first!).toBeCloseTo(0.5, 2);
    expect(third).toBe(0);
    expect(svg).toContain("<title>bin 1: 10</title>");
  });

  test("has finite sizes without bars, and where all values are zero", () => {
    for (const bars of [[], [{ label: "none", value: 0 }]])
      expect(barChart({ ...axes, bars })).not.toMatch(/NaN|Infinity/);
  });
});

describe("a confusion matrix", () => {
  test("shades a cell by its share of the row, and says which class was taken for which", () => {
    const svg = confusionChart("heads", [3, 1, 0, 0], ["joy", "anger"]);
    const shades = [...svg.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, shade]) => Number(shade));
    expect(shades).toEqual(
      [0.05 + 0.95 * 0.75, 0.05 + 0.95 * 0.25, 0.05, 0.05].map((shade) => Number(shade.toFixed(3))),
    );
    expect(svg).toContain("<title>joy taken for anger: 1 of 4</title>");
  });
});

describe("a chart of calibration", () => {
  test("places a calibrated classifier on the diagonal", () => {
    const points = [0, 0.5, 1].map((share) => ({ confidence: share, accuracy: share }));
    const svg = reliabilityChart("calibration", [{ name: "linear", points }]);
    const [, x1, y1, x2, y2] = /class="level"[^>]*x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"/.exec(svg)!;
    const middle = `${((Number(x1) + Number(x2)) / 2).toFixed(1)} ${((Number(y1) + Number(y2)) / 2).toFixed(1)}`;
    expect(svg).toContain(`d="M${x1} ${y1}L${middle}L${x2} ${y2}"`);
  });

  test("is left out without points", () => {
    expect(reliabilityChart("calibration", [{ name: "linear", points: [] }])).toBe("");
  });
});

test("keeps every text out of the markup", () => {
  const hostile = '<script>"&';
  const series = [{ name: hostile, points: [{ x: 0, y: 0.5, confidence: 0.5, accuracy: 0.5 }] }];
  const lines = { ...axes, ticks: [hostile], series, levels: [{ name: hostile, y: 0.4 }] };
  const charts = [
    lineChart(lines),
    barChart({ ...axes, bars: [{ label: hostile, value: 1 }] }),
    confusionChart(hostile, [1], [hostile]),
    reliabilityChart(hostile, series),
  ];
  for (const chart of charts) {
    expect(chart).toContain("&#60;");
    expect(chart).not.toContain("<script>");
    expect(chart).not.toContain("<b>");
  }
});
