// A program of commands as declared, and a place in it: the program itself or one of its commands.

import type { Command, HelpSection, Options, UncheckedInput } from "./declaration.js";

export interface CommandIo {
  /** Writes a line of the result. With `json` a command writes exactly one line: the JSON object. */
  readonly stdout: (line: string) => void;
  /** Writes progress and explanations unchanged: no line end is added. */
  readonly stderr: (text: string) => void;
  readonly json: boolean;
  readonly isTty: boolean;
}

export interface Program<Context> {
  readonly name: string;
  readonly summary: string;
  readonly details?: readonly string[];
  readonly sections?: readonly HelpSection[];
  readonly examples: readonly string[];
  readonly commands: readonly Command<Context>[];
  /** The options of every command. */
  readonly shared: Options;
  /** False where the typed words may be an utterance: then no error repeats them. */
  readonly quotes: boolean;
}

export interface Place<Context> {
  readonly program: Program<Context>;
  readonly command: Command<Context> | undefined;
  /** The words as typed: ["attune", "device", "list"]. */
  readonly path: readonly string[];
  readonly commands: readonly Command<Context>[];
  readonly options: Options;
}

/** The request of a command line. */
export type Request<Context> =
  | { readonly kind: "help"; readonly place: Place<Context>; readonly exitCode: number }
  | { readonly kind: "version" }
  | { readonly kind: "run"; readonly command: Command<Context>; readonly input: UncheckedInput };

export function rootOf<Context>(program: Program<Context>): Place<Context> {
  const options = { version: { meaning: "print the version" }, json: program.shared.json as Options[string] };
  return { program, command: undefined, path: [program.name], commands: program.commands, options };
}

/** The words that stand for a command: its name, and its other name where it has one. */
export function namesOf(declaration: Command<never>["declaration"] | undefined): string[] {
  return [declaration?.name, declaration?.alias].filter((name) => name !== undefined);
}

export function childrenOf<Context>({ program, path, commands }: Place<Context>): Place<Context>[] {
  return commands.map((command) => ({
    program,
    command,
    path: [...path, command.declaration.name],
    commands: command.commands,
    options: { ...command.declaration.options, ...program.shared },
  }));
}

/** A place and all places within it. */
export function placesIn<Context>(place: Place<Context>): Place<Context>[] {
  return [place, ...childrenOf(place).flatMap(placesIn)];
}
