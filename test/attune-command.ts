// Runs a command line of `attune` in the test's own process, on streams that the test makes.
// Throws the command's fault.

import { attune } from "../apps/server/src/cli/commands.js";
import type { CommandIo } from "../packages/platform/src/cli/program.js";
import { perform } from "../packages/platform/src/cli/run.js";

export function performAttune(argv: readonly string[], io: CommandIo): Promise<number> {
  return perform(attune, argv, { io, open: (_values, own) => own });
}
