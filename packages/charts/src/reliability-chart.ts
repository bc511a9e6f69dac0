// A chart of calibration as inline SVG.

import { colours, dashes, figure, legend, legendKey, px, svg } from "./drawing.js";

interface ReliabilitySeries {
  readonly name: string;
  /** The points of the bins, each from 0 to 1. */
  readonly points: readonly { readonly confidence: number; readonly accuracy: number }[];
}

/**
 * The share of right predictions by confidence; a calibrated classifier is on the diagonal. Empty if
 * there are no points.
 */
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
  const keys = series.map(({ name }, i) => legendKey(name, `background:${colours[i % colours.length]}`));
  return figure(title, svg(title, [...grid, diagonal, ...lines.toReversed(), labels].join(""), size), legend(keys));
}
