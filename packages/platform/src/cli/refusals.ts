// Explains why a command line was not understood, as INVALID_INPUT with a remedy and without a word of a private text.

import { AppError } from "@attune/shared/errors";
import type { CommanderError } from "commander";
import { usageOf } from "./help.js";
import { namesOf, type Place } from "./program.js";

/** The command that shows the reader the options and arguments. */
export function adviceOf<Context>({ path }: Place<Context>): string {
  return `see ${path.join(" ")} --help`;
}

/** The fault that commander reports: an unknown command or option, or a missing subcommand. */
export function misuse<Context>(place: Place<Context>, { code, message }: CommanderError): AppError {
  const { program, path, commands } = place;
  const name = path.join(" ");
  const wrong = /'(.*)'/s.exec(message)?.[1] ?? "";
  const near = /Did you mean (?:one of )?(.+)\?/.exec(message)?.[1];
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  const known = commands.flatMap(({ declaration }) => namesOf(declaration)).join(", ");
  switch (code) {
    case "commander.unknownCommand": {
      const asked = program.quotes ? ` "${wrong}"` : " of that name";
      const among = place.command === undefined ? "" : ` in ${name}`;
      return refusal(place, `there is no command${asked}${among}${hint}; the commands are: ${known}`);
    }
    case "commander.unknownOption": {
      const asked = program.quotes ? `unknown option ${wrong}` : "unknown option";
      return refusal(place, `${asked}${hint}${textAdvice(place)}`);
    }
    case "commander.help":
      return refusal(place, `${name} needs a command, one of ${known}`);
    default:
      return refusal(place, `${name}: the options cannot be read`);
  }
}

/** The fault of a word that names a command within a command that holds none. */
export function noCommands<Context>(place: Place<Context>): AppError {
  return refusal(place, `${place.path.join(" ")} has no commands of its own`);
}

export function lackingValue<Context>(place: Place<Context>, option: string): AppError {
  return refusal(place, `${option} lacks its value; a value that begins with - is given as ${option}=VALUE`);
}

/** Undefined where a command takes as many arguments as were given. */
export function tooMany<Context>(place: Place<Context>, words: readonly string[]): AppError | undefined {
  const declared = place.command?.declaration.arguments ?? [];
  if (words.length <= declared.length || declared.at(-1)?.variadic === true) return undefined;
  if (place.program.quotes) {
    const extra = `"${words[declared.length]}" is one argument too many`;
    return new AppError("INVALID_INPUT", `${extra}; usage: ${usageOf(place)}`);
  }
  const count = ["no argument", "one argument"][declared.length] ?? `${declared.length} arguments`;
  const quoting = "a text of several words needs quotes";
  const name = place.path.slice(1).join(" ");
  return new AppError(
    "INVALID_INPUT",
    `${name} takes ${count} beside its flags, and ${quoting}; usage: ${usageOf(place)}`,
  );
}

function refusal<Context>(place: Place<Context>, problem: string): AppError {
  return new AppError("INVALID_INPUT", `${problem}; ${adviceOf(place)}`);
}

/** A text that begins with - looks like an option. */
function textAdvice<Context>({ program, path, command }: Place<Context>): string {
  const [first] = command?.declaration.arguments ?? [];
  if (program.quotes || first === undefined) return "";
  return `; a text that begins with - follows --, as in: ${path.join(" ")} -- ${first.name}`;
}
