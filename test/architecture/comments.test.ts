// The words of comments: what stands above code is held to the lint of sentences, as pages are.

import { parseSync } from "rolldown/utils";
import { expect, test } from "vitest";
import { faultsOf } from "./prose.js";
import { listFiles, read } from "./tree.js";

const parts = [
  ...[
    "packages/ml",
    "packages/shared",
    "packages/platform",
    "packages/charts",
    "packages/training",
    "packages/fakes",
    "packages/demo",
    "packages/bench",
  ],
  ...["apps/server", "apps/edge-agent/src/core", "apps/edge-agent", "test"],
];
const partOf = (path: string) => parts.find((part) => path.startsWith(`${part}/`));

test.each(parts)("the comments of %s are written in short sentences that open with their subject", (part) => {
  const paths = listFiles(/^(apps|packages|test)\/.*\.(tsx?|js)$/).filter((path) => partOf(path) === part);
  expect(paths.length).toBeGreaterThan(5);
  const faults = paths.flatMap((path) =>
    sentencesIn(path).flatMap((sentence) => faultsOf(sentence).map((fault) => `${path}: ${fault}: ${sentence}`)),
  );
  expect(faults).toEqual([]);
});

test("no comment reaches beyond the width of the code, 120 columns", () => {
  const wide = listFiles(/^(apps|packages|test|prisma)\/.*\.(tsx?|js)$/).flatMap((path) => {
    const source = read(path);
    return parseSync(path, source)
      .comments.map(({ start, end }) => source.slice(source.lastIndexOf("\n", start) + 1, end))
      .filter((text) => text.split("\n").some((line) => line.length > 120))
      .map((text) => `${path}: ${text.trim()}`);
  });
  expect(wide).toEqual([]);
});

test("the names of tests use the field's verbs", () => {
  const named = /\b(?:test|describe)(?:\.each\([^)]*\))?\(\s*(["'`])(.*?)\1,/g;
  const tests = listFiles(/\.test\.ts$/).flatMap((path) =>
    [...read(path).matchAll(named)].map(([, , name]) => [path, name as string] as const),
  );
  expect(tests.length).toBeGreaterThan(1_000);
  expect(tests.filter(([, name]) => faultsOf(name).some((fault) => fault.startsWith("says ")))).toEqual([]);
});

test("comments are found above code, behind code and inside of code, and lines that follow each other are one text", () => {
  const source =
    "// One text\n// on two lines.\n\n/** Another. */\nconst a = f(/* A third. */ 1); // A fourth.\n\n// A fifth.\n";
  expect(commentsOf(source)).toEqual(["One text on two lines.", "Another.", "A third.", "A fourth.", "A fifth."]);
});

function sentencesIn(path: string): string[] {
  return commentsOf(read(path), path).flatMap((text) =>
    text
      .replace(/`[^`\n]+`/g, "`code`")
      .split(/(?<=[.!?;:]) (?=[A-Z`])/)
      .filter((sentence) => !sentence.startsWith("biome-ignore")),
  );
}

/** The texts of a source's comments, in order, without their marks. */
function commentsOf(source: string, path = "x.ts"): string[] {
  const comments: { text: string; end: number }[] = [];
  for (const { start: pos, end } of parseSync(path, source).comments) {
    const last = comments.at(-1);
    const text = source.slice(pos, end);
    const follows = last !== undefined && text.startsWith("//") && /^\n[ \t]*$/.test(source.slice(last.end, pos));
    const words = text
      .replace(/^\/\*\*?|\*\/$/g, "")
      .replace(/^[ \t]*\* ?/gm, "")
      .replace(/^\/\//, "");
    if (follows && source[last.end - 1] !== "/") comments.splice(-1, 1, { text: `${last.text} ${words}`, end });
    else comments.push({ text: words, end });
  }
  return comments.map(({ text }) => text.replace(/\s+/g, " ").trim());
}
