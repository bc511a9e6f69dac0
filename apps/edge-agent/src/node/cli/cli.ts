// From the arguments of `attune-agent` to an exit code.

import type { CommandIo } from "@attune/platform/cli/program";
import { runProgram } from "@attune/platform/cli/run";
import { describeFault } from "../fault.js";
import { attuneAgent } from "./commands.js";
import { type AgentIo, openContext } from "./context.js";

/** The process's exit code: 0, 2 for a wrong use, or 1 for every other error. */
export function runCli(
  argv: readonly string[],
  io: Omit<CommandIo, "json"> & AgentIo,
  variables?: NodeJS.ProcessEnv,
): Promise<number> {
  return runProgram(attuneAgent, argv, {
    io,
    open: ({ home }, own) => openContext(home as string | undefined, { ...own, stdin: io.stdin }, variables),
    describeDefect: describeFault,
    alwaysInWords: false,
  });
}
