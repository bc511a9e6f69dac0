// Shows a command's progress on standard error.

import type { CommandIo } from "@attune/platform/cli/program";
import { createProgress, type Progress } from "@attune/platform/progress";

export function progressOn({ stderr, isTty }: CommandIo): Progress {
  return createProgress({ write: stderr, isTty, nowMs: () => performance.now() });
}
