// Reads from a command's output the error that it ended with.

import { AppError, isErrorCode } from "@attune/shared/errors";

/** The last "error CODE: message" in `output`. */
export function reportedFault(output: string): AppError | undefined {
  const [, code, message] = [...output.matchAll(/^error ([A-Z_]+): (.*)$/gm)].at(-1) ?? [];
  return isErrorCode(code) && message !== undefined ? new AppError(code, message) : undefined;
}
