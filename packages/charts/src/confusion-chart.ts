// A confusion matrix as inline SVG.

import { figure, svg } from "./drawing.js";
import { escapeHtml } from "./escape-html.js";

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
