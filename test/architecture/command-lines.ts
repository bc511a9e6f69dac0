// Finds the command lines of `attune`, `attune-agent` and npm in a text, and reads each by the programs' own tables.

import { attuneAgent } from "@attune/edge-agent/node/cli/commands";
import { parseCommandLine } from "@attune/platform/cli/parser";
import { childrenOf, namesOf, type Place, type Program, rootOf } from "@attune/platform/cli/program";
import { attune } from "@attune/server/cli/commands";
import { read } from "./tree.js";

export const programs = [attune as Program<never>, attuneAgent as Program<never>];

export interface CommandLine {
  readonly program: Program<never>;
  readonly argv: readonly string[];
}

/** The value that a variable of a shown loop takes. */
const variables: Readonly<Record<string, string>> = { emotion: "joy", n: "1" };

/**
 * Every invocation in a text of a shell. Other commands, output, comments, redirections and
 * here-documents are left out.
 */
export function commandLinesIn(shell: string): CommandLine[] {
  const joined = shell.replace(/ \\\n +/g, " ").replace(/<<'(\w+)'\n[\s\S]*?^\1$/gm, "");
  return joined.split("\n").flatMap((line) => segmentsOf(line).flatMap(invocationOf));
}

/** The words of each command of a line, split at |, ; and &&, without redirections and comments. */
function segmentsOf(line: string): string[][] {
  const segments: string[][] = [[]];
  const word = /#.*|\|\||&&|[|;]|\d?[<>]+&?\s*\S*|(?:"[^"]*"|'[^']*'|[^\s"'|;<>])+/g;
  for (const [token] of line.replace(/^\$ /, "").matchAll(word)) {
    if (token.startsWith("#")) break;
    if (/^([|;]|\|\||&&)$/.test(token)) segments.push([]);
    else if (!/^\d?[<>]/.test(token)) segments.at(-1)?.push(unquoted(token));
  }
  return segments;
}

const unquoted = (token: string): string =>
  token.replace(/"([^"]*)"|'([^']*)'/g, "$1$2").replace(/\$(\w+)/g, (whole, name) => variables[name] ?? whole);

function invocationOf(words: readonly string[]): CommandLine[] {
  const [first = "", ...rest] = words.slice(words.findIndex((word) => !/^([A-Z_]+=.*|npx|do)$/.test(word)));
  if (first === "npm") return scriptOf(rest);
  const program = programs.find(({ name }) => name === first);
  return program === undefined ? [] : [{ program, argv: rest.filter((word) => word !== "--json") }];
}

const scripts = JSON.parse(read("package.json")).scripts as Readonly<Record<string, string>>;
/** npm's own commands that pages show. */
const ownOfNpm = ["ci", "install", "test"];

/** A script of package.json that starts `attune` is its command, with the words after --. */
function scriptOf(words: readonly string[]): CommandLine[] {
  const [verb, name] = words.filter((word) => word !== "--silent");
  const script = verb === "run" ? name : verb;
  if (script === undefined || (scripts[script] === undefined && !ownOfNpm.includes(script))) {
    throw new Error(`package.json has no script ${script}`);
  }
  const [, command] = / apps\/server\/bin\/attune\.js (\w+)$/.exec(scripts[script] ?? "") ?? [];
  if (command === undefined) return [];
  const given = words.includes("--") ? words.slice(words.indexOf("--") + 1) : [];
  return [{ program: attune as Program<never>, argv: [command, ...given.filter((word) => word !== "--json")] }];
}

/** Throws the program's own refusal: an unknown command or option, a missing or wrong value, an argument too many. */
export function assertUnderstood({ program, argv }: CommandLine): void {
  if (parseCommandLine(program, argv).kind === "help" && !argv.includes("--help")) {
    throw new Error(`${program.name} lacks a command`);
  }
}

/** Throws where a mention in a sentence names an unknown command or option. A sentence leaves required options out. */
export function assertNamed({ program, argv }: CommandLine): void {
  let place: Place<never> = rootOf(program);
  for (const word of argv) {
    const next = childrenOf(place).find(({ command }) => namesOf(command?.declaration).includes(word));
    if (next === undefined && place.commands.length > 0 && !word.startsWith("-")) {
      throw new Error(`${place.path.join(" ")} has no command ${word}`);
    }
    const option = /^--([a-z-]+)/.exec(word)?.[1];
    if (option !== undefined && option !== "help" && place.options[option] === undefined) {
      throw new Error(`${place.path.join(" ")} has no option ${word}`);
    }
    place = next ?? place;
  }
}
