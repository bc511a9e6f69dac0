// What a command of ours said about its end, read from its output.

import { AppError, isErrorCode } from "@attune/shared/errors";

/** The last "error CODE: message" in `output`. */
export function reportedFault(output: string): AppError | undefined {
  const [, code, message] = [...output.matchAll(/^error ([A-Z_]+): (.*)$/gm)].at(-1) ?? [];
  return isErrorCode(code) && message !== undefined ? new AppError(code, message) : undefined;
}
