// The flags of a command as they were given; what they mean is the command's own matter.
import { availableParallelism } from "node:os";
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

/** How many are to compute at a time: where `--flag` does not say, one a core and at most four. Throws INVALID_INPUT naming the flag. */
export function countOf(flag: string, given: string | undefined): number {
  if (given === undefined) return Math.min(4, availableParallelism());
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) {
    throw new AppError("INVALID_INPUT", `--${flag} ${given}: is not a whole number from 1 on`);
  }
  return count;
}
