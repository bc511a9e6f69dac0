// A run's curves as a picture: the loss over the steps, and the dev metric at each evaluation.

import type { Curves } from "../loop/trainer.js";

const [width, panel, left, right, gap] = [720, 200, 64, 16, 56];

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Panel {
  readonly title: string;
  readonly points: readonly Point[];
  readonly colour: string;
  readonly top: number;
  readonly steps: number;
  /** Draws a mark on each point. */
  readonly marks: boolean;
  readonly goal?: number | undefined;
}

/** `goal`: the dev metric at which training stops, drawn as a line. */
export function curvesSvg({ curve, evaluations }: Curves, goal?: number): string {
  const steps = Math.max(1, curve.at(-1)?.step ?? 0, evaluations.at(-1)?.step ?? 0);
  const loss = curve.map(({ step, loss: y }) => ({ x: step, y }));
  const metric = evaluations.map(({ step, devMetric }) => ({ x: step, y: devMetric }));
  const height = 2 * (panel + gap) + 24;
  const panels = [
    panelSvg({ title: "training loss", points: loss, colour: "#2563a8", top: 32, steps, marks: false }),
    panelSvg({
      title: "weighted F1 on the labelled dataset's dev rows",
      points: metric,
      colour: "#b3541e",
      top: 32 + panel + gap,
      steps,
      marks: true,
      goal,
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Training curves</title><rect width="${width}" height="${height}" fill="#fff"/>
${panels.join("\n")}
<text x="${left + (width - left - right) / 2}" y="${height - 6}" text-anchor="middle" fill="#555">step</text>
</svg>
`;
}

function panelSvg({ title, points, colour, top, steps, marks, goal }: Panel): string {
  const values = [...points.map(({ y }) => y), ...(goal === undefined ? [] : [goal])];
  const ticks = roundTicks(Math.min(...values), Math.max(...values));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const x = (step: number) => round(left + ((width - left - right) * step) / steps);
  const y = (value: number) => round(top + panel - (panel * (value - low)) / (high - low));
  const digits = Math.max(0, Math.ceil(-Math.log10((high - low) / 4)));
  const grid = ticks.map(
    (tick) =>
      `<path d="M${left} ${y(tick)}H${width - right}" stroke="#e4e4e4"/><text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end" fill="#555">${tick.toFixed(digits)}</text>`,
  );
  const steps5 = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * steps));
  const axis = [...new Set(steps5)].map(
    (step) => `<text x="${x(step)}" y="${top + panel + 16}" text-anchor="middle" fill="#555">${step}</text>`,
  );
  const path = (list: readonly Point[]) =>
    list.map((point, i) => `${i === 0 ? "M" : "L"}${x(point.x)} ${y(point.y)}`).join("");
  const line = (list: readonly Point[], style: string) =>
    `<path d="${path(list)}" fill="none" stroke="${colour}" ${style}/>`;
  // The moving mean shows the course of a noisy curve.
  const lines = marks
    ? line(points, 'stroke-width="1.5"')
    : line(points, 'stroke-opacity="0.3"') + line(movingMean(points), 'stroke-width="1.8"');
  const dots = points.map(
    (point) =>
      `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3" fill="${colour}"><title>step ${point.x}: ${point.y.toFixed(4)}</title></circle>`,
  );
  const goalLine =
    goal === undefined ? "" : `<path d="M${left} ${y(goal)}H${width - right}" stroke="#777" stroke-dasharray="4 4"/>`;
  const last = (marks ? points : movingMean(points)).at(-1);
  const label = last === undefined ? "" : `: ${last.y.toFixed(4)}`;
  return `<text x="${left}" y="${top - 10}" font-weight="600" fill="#222">${title}${label}</text>
${grid.join("")}${axis.join("")}${goalLine}${lines}${marks ? dots.join("") : ""}`;
}

/** Four or five round values from below `low` to above `high`. */
function roundTicks(low: number, high: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const span = Math.max(high - low, Math.abs(high) * 0.02, 1e-6);
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => span / size <= 5)!;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** The mean over the last fifteen points or so, fewer at the start. */
function movingMean(points: readonly Point[]): Point[] {
  return points.map(({ x }, i) => {
    const window = points.slice(Math.max(0, i - 14), i + 1);
    return { x, y: window.reduce((sum, point) => sum + point.y, 0) / window.length };
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
