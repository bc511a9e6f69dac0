// Turns the arguments of `attune` into an exit code.

import type { CommandIo, Program } from "@attune/platform/cli/program";
import { runProgram } from "@attune/platform/cli/run";
import { attune } from "./commands.js";

interface DispatchOptions {
  readonly io: Omit<CommandIo, "json">;
  readonly program?: Program<CommandIo>;
}

/**
 * The exit code of the command or of its error. With `--json` standard output is one JSON object in either case.
 */
export function dispatch(argv: readonly string[], { io, program = attune }: DispatchOptions): Promise<number> {
  return runProgram(program, argv, {
    io,
    open: (_values, own) => own,
    describeDefect: (error) => (error instanceof Error ? error.message : String(error)),
    alwaysInWords: true,
  });
}
