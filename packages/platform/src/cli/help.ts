// The help of a program and of each command, from the declarations alone; commander's Help wraps and aligns it.

import { Help } from "commander";
import type { ArgumentDeclaration, OptionDeclaration } from "./declaration.js";
import { namesOf, type Place } from "./program.js";

type Item = readonly [term: string, meaning: string];

const widest = 100;

export function helpOf<Context>(place: Place<Context>): string {
  const help = new Help();
  const helpWidth = Math.min(widest, process.stdout.columns ?? widest);
  help.helpWidth = helpWidth;
  const wrap = (line: string) => help.boxWrap(line, helpWidth);
  const { command, program } = place;
  const { summary, details = [], sections = [], examples } = command?.declaration ?? program;
  const blocks = [
    `Usage: ${usageOf(place)}`,
    wrap(`${summary}.`),
    ...(details.length === 0 ? [] : [details.map(wrap).join("\n")]),
  ];
  const lists: (readonly [string, readonly Item[]])[] = [
    ["Commands", place.commands.map(({ declaration }) => [namesOf(declaration).join(", "), declaration.summary])],
    ["Arguments", (command?.declaration.arguments ?? []).map((argument) => [argument.name, argumentMeaning(argument)])],
    ["Options", optionItems(place)],
    ...sections.map(({ title, items }) => [title, items] as const),
  ];
  for (const [title, items] of lists) {
    if (items.length === 0) continue;
    const width = Math.min(maxTermWidth, Math.max(...items.map(([term]) => term.length)));
    const format = ([term, meaning]: Item) =>
      term.length > maxTermWidth
        ? `  ${term}\n${help.formatItem("", width, meaning, help)}`
        : help.formatItem(term, width, meaning, help);
    blocks.push(`${title}:\n${items.map(format).join("\n")}`);
  }
  if (examples.length > 0)
    blocks.push(`Examples:\n${examples.map((example) => foldedExample(example, helpWidth)).join("\n")}`);
  if (place.commands.length > 0) blocks.push(`${place.path.join(" ")} COMMAND --help explains a command.`);
  return `${blocks.join("\n\n")}\n`;
}

/** An example wider than the help goes over several lines, which a shell still reads as one command. */
function foldedExample(example: string, width: number): string {
  const lines = [""];
  for (const part of example.split(/ (?=-|>|\||&&)/)) {
    const longer = `${lines.at(-1)} ${part}`;
    if (`  ${longer} \\`.length > width) lines.push(`    ${part}`);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line) => ` ${line}`).join(" \\\n");
}

/** A longer term stands on a line of its own, since it would push the meanings of all others to the right. */
const maxTermWidth = 26;

/** A command's usage in one line: the required parts by name, the others as [options]. */
export function usageOf<Context>({ path, command, commands, options }: Place<Context>): string {
  if (command === undefined || commands.length > 0) return `${path.join(" ")} COMMAND [options]`;
  const demanded = Object.entries(options).filter(([, { required }]) => required === true);
  const hasMore = demanded.length < Object.keys(options).length;
  return [
    ...path,
    ...demanded.map(([name, option]) => optionTerm(name, option)),
    ...(hasMore ? ["[options]"] : []),
    ...(command.declaration.arguments ?? []).map(argumentTerm),
  ].join(" ");
}

function optionItems<Context>({ options }: Place<Context>): Item[] {
  return [
    ...Object.entries(options).map(([name, option]): Item => [optionTerm(name, option), optionMeaning(option)]),
    ["-h, --help", "show this help"],
  ];
}

const optionTerm = (name: string, { value }: OptionDeclaration): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`;

function argumentTerm({ name, optional, variadic }: ArgumentDeclaration): string {
  const term = variadic ? `${name}...` : name;
  return optional ? `[${term}]` : term;
}

function optionMeaning({ meaning, choices, default: preset, multiple, required }: OptionDeclaration): string {
  const notes = [
    ...(required ? ["required"] : []),
    ...(preset === undefined ? [] : [`default: ${preset}`]),
    ...(multiple ? ["may be repeated"] : []),
  ];
  const named = choices === undefined ? meaning : `${meaning}: ${choices.join(", ")}`;
  return notes.length === 0 ? named : `${named} (${notes.join("; ")})`;
}

function argumentMeaning({ meaning, choices }: ArgumentDeclaration): string {
  return choices === undefined ? meaning : `${meaning}: ${choices.join(", ")}`;
}
