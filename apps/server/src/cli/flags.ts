// The flags of a command as they were given; what they mean is the command's own matter.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";

/** Throws INVALID_INPUT naming an unknown flag, or one without its value, and the help of `command`. */
export function readFlags<T extends ParseArgsConfig>(command: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${(cause as Error).message}; see attune ${command} --help`, { cause });
  }
}
