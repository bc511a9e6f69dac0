// What every `attune` command is: a name, its help, and a function from arguments to an exit code.

import type { ParseArgsConfig } from "node:util";

export type Options = NonNullable<ParseArgsConfig["options"]>;

export interface Command {
  readonly name: string;
  readonly usage: string;
  /** The flags that it takes beside --json and --help. */
  readonly options: Options;
  /** The help of each of its own commands, where it has such. */
  readonly parts?: ReadonlyMap<string, string>;
  run(argv: string[], io: CommandIo): Promise<number>;
}

export interface CommandIo {
  /** A line of the result. With `json` a command writes exactly one: the JSON object. */
  stdout: (line: string) => void;
  /** Progress and explanations, as they are: no line end is added. */
  stderr: (text: string) => void;
  json: boolean;
  isTty: boolean;
}
