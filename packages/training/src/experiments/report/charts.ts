// The report's pictures as inline SVG: lines with deviations, bars, and a confusion matrix. They need no script, no font and no fetch. d3-scale and
// d3-shape (ten packages, 1.2 MB) would replace only ticks and paths; Observable Plot needs a DOM, uPlot a canvas, and Vega-Lite megabytes. With each
// of them, marks, legends and dark mode would stay our own code.

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly sd?: number | null }[];
}

export interface LineChart {
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

/** Okabe and Ito's colours, which colour-blind readers can distinguish, darkened where white shows through. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00", "#56789a", "#444444"];
const dashes = ["6 4", "2 3", "9 3 2 3"];
const [width, height] = [440, 290];
const frame = { left: 52, right: 12, top: 14, bottom: 46 };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

function svg(title: string, content: string, size = { width, height }): string {
  return `<svg viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="${escapeHtml(title)}">${content}</svg>`;
}

function figure(title: string, picture: string, legend = ""): string {
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${picture}${legend}</figure>`;
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
  const legend = [
    ...series.map(({ name }, i) => key(name, `background:${colours[i % colours.length]}`)),
    ...levels.map(
      ({ name }, i) =>
        `<li><svg width="22" height="8"><line class="level" stroke-dasharray="${dashes[i % dashes.length]}" x1="0" x2="22" y1="4" y2="4"/></svg>${escapeHtml(name)}</li>`,
    ),
  ];
  return figure(title, svg(title, [...grid, ...axis, labels, ...across, ...lines].join("")), list(legend));
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

export interface BarChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
}

export function barChart({ title, xLabel, yLabel, bars }: BarChart): string {
  const most = Math.max(...bars.map(({ value }) => value), 0) || 1;
  const inner = height - frame.top - frame.bottom;
  const slot = (width - frame.left - frame.right) / Math.max(1, bars.length);
  const every = Math.ceil(34 / slot);
  const content = bars.map(({ label, value }, i) => {
    const tall = (inner * value) / most;
    const left = frame.left + i * slot;
    const text =
      i % every === 0
        ? `<text x="${px(left + slot / 2)}" y="${height - frame.bottom + 16}" text-anchor="middle">${escapeHtml(label)}</text>`
        : "";
    return `<rect fill="${colours[0]}" x="${px(left + 1)}" y="${px(height - frame.bottom - tall)}" width="${px(slot - 2)}" height="${px(tall)}"><title>${escapeHtml(label)}: ${value}</title></rect>${text}`;
  });
  const marks = [0, 0.5, 1].map(
    (share) =>
      `<text x="${frame.left - 6}" y="${px(height - frame.bottom - inner * share + 4)}" text-anchor="end">${compact(most * share)}</text>`,
  );
  const labels = `<text x="${(width + frame.left) / 2}" y="${height - 8}" text-anchor="middle">${escapeHtml(xLabel)}</text><text transform="translate(12 ${height / 2 - 16}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text>`;
  return figure(title, svg(title, [...marks, ...content, labels].join("")));
}

/** counts: (classes * classes), rows = truth. The shade of a cell is its share of the row. */
export function confusionChart(title: string, counts: readonly number[], classes: readonly string[]): string {
  const [cell, left, top] = [38, 64, 22];
  const size = { width: left + cell * classes.length + 6, height: top + cell * classes.length + 24 };
  const content: string[] = [];
  for (const [t, truth] of classes.entries()) {
    const row = counts.slice(t * classes.length, (t + 1) * classes.length);
    const total = row.reduce((sum, count) => sum + count, 0);
    content.push(
      `<text x="${left - 6}" y="${top + t * cell + cell / 2 + 4}" text-anchor="end">${escapeHtml(truth)}</text>`,
      `<text x="${left + t * cell + cell / 2}" y="${top - 8}" text-anchor="middle" class="small">${escapeHtml(truth)}</text>`,
    );
    for (const [p, count] of row.entries()) {
      const share = total === 0 ? 0 : count / total;
      const at = `x="${left + p * cell}" y="${top + t * cell}"`;
      content.push(
        `<rect ${at} width="${cell - 1}" height="${cell - 1}" fill="#0072b2" fill-opacity="${(0.05 + 0.95 * share).toFixed(3)}"><title>${escapeHtml(`${truth} taken for ${classes[p]}: ${count} of ${total}`)}</title></rect>`,
        `<text x="${left + p * cell + cell / 2}" y="${top + t * cell + cell / 2 + 4}" text-anchor="middle"${share > 0.55 ? ' fill="#fff"' : ""} class="count${share > 0.55 ? " light" : ""}">${count}</text>`,
      );
    }
  }
  const label = `<text x="${left + (cell * classes.length) / 2}" y="${size.height - 6}" text-anchor="middle">predicted (rows: real)</text>`;
  return figure(title, svg(title, content.join("") + label, size));
}

export interface ReliabilitySeries {
  readonly name: string;
  /** The points of the bins, each from 0 to 1. */
  readonly points: readonly { readonly confidence: number; readonly accuracy: number }[];
}

/** The share of right predictions by confidence; a calibrated classifier is on the diagonal. Empty if there are no points. */
export function reliabilityChart(title: string, series: readonly ReliabilitySeries[]): string {
  if (series.every(({ points }) => points.length === 0)) return "";
  const [side, left, top] = [230, 46, 10];
  const size = { width: left + side + 12, height: top + side + 40 };
  const x = (share: number) => px(left + share * side);
  const y = (share: number) => px(top + (1 - share) * side);
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line class="grid" x1="${x(0)}" x2="${x(1)}" y1="${y(share)}" y2="${y(share)}"/>`,
    `<text x="${left - 6}" y="${px(Number(y(share)) + 4)}" text-anchor="end">${share}</text>`,
    `<text x="${x(share)}" y="${top + side + 16}" text-anchor="middle">${share}</text>`,
  ]);
  const diagonal = `<line class="level" stroke-dasharray="${dashes[0]}" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>`;
  const lines = series.map(({ points }, i) => {
    const colour = colours[i % colours.length]!;
    const at = points.map(({ confidence, accuracy }) => `${x(confidence)} ${y(accuracy)}`);
    const marks = points.map(
      ({ confidence, accuracy }) => `<circle cx="${x(confidence)}" cy="${y(accuracy)}" r="2.6" fill="${colour}"/>`,
    );
    return `<path d="M${at.join("L")}" fill="none" stroke="${colour}" stroke-width="1.5"/>${marks.join("")}`;
  });
  const labels = `<text x="${left + side / 2}" y="${size.height - 6}" text-anchor="middle">confidence</text><text transform="translate(12 ${top + side / 2}) rotate(-90)" text-anchor="middle">share predicted right</text>`;
  const legend = series.map(({ name }, i) => key(name, `background:${colours[i % colours.length]}`));
  return figure(title, svg(title, [...grid, diagonal, ...lines.toReversed(), labels].join(""), size), list(legend));
}

function key(name: string, style: string): string {
  return `<li><i style="${style}"></i>${escapeHtml(name)}</li>`;
}

function list(items: readonly string[]): string {
  return `<ul class="legend">${items.join("")}</ul>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

function compact(value: number): string {
  if (value >= 1000) return `${Math.round(value / 1000)}k`;
  return String(Math.round(value));
}

/** Bounds and step that are multiples of 1, 2 or 5 times a power of ten. */
function niceRange(low: number, high: number): [number, number, number] {
  const span = Math.max(high - low, 0.02);
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= 6)!;
  return [Math.floor(low / step) * step, Math.ceil(high / step + 1e-9) * step, step];
}
