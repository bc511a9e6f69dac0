// Puts measured tables into a page, between the comments that name them: <!-- bench table8 --> … <!-- end bench -->.

import { markdownTable } from "@attune/platform/table";
import { goalsOf } from "./goals.js";
import { renderPart } from "./render.js";
import type { Part } from "./results.js";

/** Throws if the page has no place for a measured part. `goals` is filled when every part is there. */
export function fillIn(page: string, parts: readonly Part[]): string {
  let filled = page;
  for (const part of parts) filled = fillPlace(filled, part.name, renderPart(part).trim());
  return page.includes(opening("goals")) && parts.length > 1 ? fillPlace(filled, "goals", renderGoals(parts)) : filled;
}

function opening(name: string): string {
  return `<!-- bench ${name} -->`;
}

const closing = "<!-- end bench -->";

function fillPlace(page: string, name: string, content: string): string {
  const start = page.indexOf(opening(name));
  const end = page.indexOf(closing, start);
  if (start < 0 || end < 0) throw new Error(`the page has no ${opening(name)} … ${closing}`);
  return `${page.slice(0, start)}${opening(name)}\n${content}\n${page.slice(end)}`;
}

function renderGoals(parts: readonly Part[]): string {
  const rows = goalsOf(parts).map(({ goal, asked, reached, met }) => [
    goal,
    asked,
    reached === "" ? "not measured" : reached,
    met === null ? "" : met ? "yes" : "no",
  ]);
  return markdownTable([["goal", "asked", "reached", "met"], ...rows]).join("\n");
}
