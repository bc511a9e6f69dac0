// A chart of bars as inline SVG.

import { colours, figure, frame, height, px, svg, width } from "./drawing.js";
import { escapeHtml } from "./escape-html.js";

interface BarChart {
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

function compact(value: number): string {
  if (value >= 1000) return `${Math.round(value / 1000)}k`;
  return String(Math.round(value));
}
