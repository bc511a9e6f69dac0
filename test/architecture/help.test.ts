// Checks every text of both programs' help: short sentences in the field's words, and examples
// that the programs accept.

import { helpOf } from "@attune/platform/cli/help";
import { parseCommandLine } from "@attune/platform/cli/parser";
import { type Place, placesIn, rootOf } from "@attune/platform/cli/program";
import { version } from "@attune/platform/cli/version";
import { expect, test } from "vitest";
import { assertUnderstood, commandLinesIn, programs } from "./command-lines.js";
import { faultsOf, sentencesOf } from "./prose.js";
import { listFiles, read } from "./tree.js";

function textsOf<Context>({ program, command, options }: Place<Context>): string[] {
  const { summary, details = [], sections = [] } = command?.declaration ?? program;
  return [
    summary,
    ...details,
    ...Object.values(options).map(({ meaning }) => meaning),
    ...(command?.declaration.arguments ?? []).map(({ meaning }) => meaning),
    ...sections.flatMap(({ items }) => items.map(([, meaning]) => meaning)),
  ];
}

const places = programs.flatMap((program) => placesIn(rootOf(program)));

test.each(places)("the help of $path is written in short sentences, in the field's words", (place) => {
  const sentences = textsOf(place).flatMap(sentencesOf);
  expect(sentences.length).toBeGreaterThan(1);
  expect(sentences.flatMap((sentence) => faultsOf(sentence).map((fault) => `${fault}: ${sentence}`))).toEqual([]);
});

test.each(places)("the help of $path is at most 100 columns wide", (place) => {
  expect(
    helpOf(place)
      .split("\n")
      .filter((line) => [...line].length > 100),
  ).toEqual([]);
});

test.each(places.filter(({ commands }) => commands.length > 0))(
  "an unknown command of $path is answered with every command of the table",
  ({ path, ...place }) => {
    const words = place.commands.flatMap(({ declaration: { name, alias } }) => [name, ...(alias ? [alias] : [])]);
    const wrong = () => parseCommandLine(place.program, [...path.slice(1), "nosuch"]);
    expect(wrong).toThrow(new RegExp(`the commands are: ${words.join(", ")}; see ${path.join(" ")} --help$`));
    expect(() => parseCommandLine(place.program, ["help", ...path.slice(1), "nosuch"])).toThrow(/there is no command/);
  },
);

test("the programs' version is that of every package", () => {
  const manifests = listFiles(/^((apps|packages)\/[^/]+\/)?package\.json$/);
  expect(manifests.length).toBeGreaterThan(5);
  expect(manifests.filter((path) => JSON.parse(read(path)).version !== version)).toEqual([]);
});

test.each(places)(
  "the help of $path begins with what it does and shows examples of the command",
  ({ program, command }) => {
    const { summary, examples } = command?.declaration ?? program;
    expect(summary).toMatch(/^[A-Z][^.]*$/);
    expect(examples.length).toBeGreaterThan(0);
  },
);

const examples = places.flatMap(({ program, command }) =>
  (command?.declaration ?? program).examples.map((example) => [example] as const),
);

test.each(examples)("the program takes its example: %s", (example) => {
  const lines = commandLinesIn(example.replace(/^source <\((.*)\)$/, "$1"));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) assertUnderstood(line);
});
