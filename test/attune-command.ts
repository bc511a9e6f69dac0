// Runs a command line of `attune` in the test's own process, on streams that the test makes.
// Throws the command's fault.

import type { CommandIo } from "@attune/platform/cli/program";
import { perform } from "@attune/platform/cli/run";
import { attune } from "@attune/server/cli/commands";

export function performAttune(argv: readonly string[], io: CommandIo): Promise<number> {
  return perform(attune, argv, { io, open: (_values, own) => own });
}
