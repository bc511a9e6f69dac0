import { expect, test } from "vitest";
import { lineChart } from "./line-chart.js";

test("draws a line that lies on another once, under both names", () => {
  const line = (name: string, ...ys: number[]) => ({ name, points: ys.map((y, x) => ({ x, y, sd: 0.01 })) });
  const series = [line("Hidden", 0.5, 0.6), line("ELM", 0.4, 0.5), line("OSELM", 0.4, 0.5 + 1e-9), line("empty")];
  const axes = { title: "PCA", xLabel: "features", yLabel: "weighted F1", ticks: ["32", "64"], levels: [] };
  const html = lineChart({ ...axes, series: [...series, line("none")] });
  expect([...html.matchAll(/<\/i>([^<]*)<\/li>/g)].map(([, name]) => name)).toEqual([
    "Hidden",
    "ELM = OSELM",
    "empty",
    "none",
  ]);
  expect(html.match(/<path d="M/g)).toHaveLength(2);
});
