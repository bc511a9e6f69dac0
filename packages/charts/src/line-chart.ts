// A chart of lines with deviations as inline SVG, without a script, a font or a fetch.

import { colours, dashes, figure, frame, height, legend, legendKey, px, svg, width } from "./drawing.js";
import { escapeHtml } from "./escape-html.js";

interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly sd?: number | null }[];
}

interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** In the order of the axis, evenly spaced, so that 25 and 500 can both be read. */
  readonly ticks: readonly string[];
  readonly series: readonly Series[];
  /** Levels for comparison. */
  readonly levels: readonly { readonly name: string; readonly y: number }[];
  /** Values that the axis must reach: equal axes make charts comparable. */
  readonly reach?: readonly number[];
}

/** Points' x are positions on `ticks`, from 0. Lines that coincide are drawn as one, under all their names. */
export function lineChart({ title, xLabel, yLabel, ticks, series: given, levels, reach = [] }: LineChart): string {
  const series = withoutTwins(given);
  const values = [
    ...series.flatMap(({ points }) => points.flatMap(({ y, sd }) => [y - (sd ?? 0), y + (sd ?? 0)])),
    ...levels.map(({ y }) => y),
    ...reach,
  ];
  if (values.length === 0) return "";
  const [low, high, step] = niceRange(Math.min(...values), Math.max(...values));
  const x = (tick: number) =>
    frame.left + ((width - frame.left - frame.right) * (tick + 0.5)) / Math.max(1, ticks.length);
  const y = (value: number) =>
    height - frame.bottom - ((height - frame.top - frame.bottom) * (value - low)) / (high - low);
  const grid: string[] = [];
  for (let value = low; value <= high + step / 2; value += step) {
    grid.push(
      `<line class="grid" x1="${frame.left}" x2="${width - frame.right}" y1="${px(y(value))}" y2="${px(y(value))}"/>`,
      `<text x="${frame.left - 6}" y="${px(y(value) + 4)}" text-anchor="end">${value.toFixed(2)}</text>`,
    );
  }
  const axis = ticks.map(
    (tick, i) =>
      `<text x="${px(x(i))}" y="${height - frame.bottom + 16}" text-anchor="middle">${escapeHtml(tick)}</text>`,
  );
  const across = levels.map(
    (level, i) =>
      `<line class="level" stroke-dasharray="${dashes[i % dashes.length]}" x1="${frame.left}" x2="${width - frame.right}" y1="${px(y(level.y))}" y2="${px(y(level.y))}"/>`,
  );
  const lines = series.map(({ points }, i) => {
    const colour = colours[i % colours.length]!;
    const path = points.map((point, k) => `${k === 0 ? "M" : "L"}${px(x(point.x))} ${px(y(point.y))}`).join("");
    const marks = points.map(
      (point) =>
        `${point.sd ? `<line stroke="${colour}" x1="${px(x(point.x))}" x2="${px(x(point.x))}" y1="${px(y(point.y - point.sd))}" y2="${px(y(point.y + point.sd))}"/>` : ""}<circle cx="${px(x(point.x))}" cy="${px(y(point.y))}" r="3" fill="${colour}"/>`,
    );
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.8"/>${marks.join("")}`;
  });
  const labels = `<text x="${(width + frame.left) / 2}" y="${height - 8}" text-anchor="middle">${escapeHtml(xLabel)}</text><text transform="translate(12 ${height / 2 - 16}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text>`;
  const keys = [
    ...series.map(({ name }, i) => legendKey(name, `background:${colours[i % colours.length]}`)),
    ...levels.map(
      ({ name }, i) =>
        `<li><svg width="22" height="8"><line class="level" stroke-dasharray="${dashes[i % dashes.length]}" x1="0" x2="22" y1="4" y2="4"/></svg>${escapeHtml(name)}</li>`,
    ),
  ];
  return figure(title, svg(title, [...grid, ...axis, labels, ...across, ...lines].join("")), legend(keys));
}

function withoutTwins(series: readonly Series[]): Series[] {
  const drawn = new Map<string, Series>();
  for (const { name, points } of series) {
    // Compares lines at the precision that can be seen.
    const line = JSON.stringify(points.map(({ x, y, sd }) => [x, y.toFixed(4), (sd ?? 0).toFixed(4)]));
    const twin = points.length === 0 ? undefined : drawn.get(line);
    drawn.set(points.length === 0 ? name : line, {
      name: twin === undefined ? name : `${twin.name} = ${name}`,
      points,
    });
  }
  return [...drawn.values()];
}

/** Bounds and step that are multiples of 1, 2 or 5 times a power of ten. */
function niceRange(low: number, high: number): [number, number, number] {
  const span = Math.max(high - low, 0.02);
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= 6)!;
  return [Math.floor(low / step) * step, Math.ceil(high / step + 1e-9) * step, step];
}
