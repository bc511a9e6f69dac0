// What every command is, and what it is given.

import type { ParseArgsConfig } from "node:util";
import type { AgentEnv } from "../env.js";
import type { HomePaths } from "../home.js";

export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdin: AsyncIterable<Uint8Array | string>;
}

export interface CommandInput {
  readonly env: AgentEnv;
  readonly paths: HomePaths;
  readonly positionals: readonly string[];
  /** The command's own options, as given. */
  readonly text: (option: string) => string | undefined;
  readonly flag: (option: string) => boolean;
  readonly io: CommandIo;
  /** Prints the result, exactly once: as JSON where `--json` was given, else in words. */
  readonly print: (json: object, words: string) => void;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** How it is called, without the options that all commands share. */
  readonly usage: string;
  readonly details?: string;
  /** Option lines of the help, aligned by the caller. */
  readonly optionHelp?: readonly (readonly [option: string, meaning: string])[];
  readonly examples: readonly string[];
  readonly options?: NonNullable<ParseArgsConfig["options"]>;
  readonly maximumPositionals: number;
  run(input: CommandInput): Promise<void>;
}
