// The parts that every chart draws with: colours, sizes, the frame of a picture and its legend.

import { escapeHtml } from "./escape-html.js";

/** Okabe and Ito's colours, which colour-blind readers can distinguish, darkened where white shows through. */
export const colours = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00", "#56789a", "#444444"];
export const dashes = ["6 4", "2 3", "9 3 2 3"];
/** The size of a chart with two axes, in pixels, and the room around the drawing for labels. */
export const [width, height] = [440, 290];
export const frame = { left: 52, right: 12, top: 14, bottom: 46 };

export function svg(title: string, content: string, size = { width, height }): string {
  return `<svg viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="${escapeHtml(title)}">${content}</svg>`;
}

export function figure(title: string, picture: string, legend = ""): string {
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${picture}${legend}</figure>`;
}

export function legendKey(name: string, style: string): string {
  return `<li><i style="${style}"></i>${escapeHtml(name)}</li>`;
}

export function legend(items: readonly string[]): string {
  return `<ul class="legend">${items.join("")}</ul>`;
}

export function px(value: number): string {
  return value.toFixed(1);
}
