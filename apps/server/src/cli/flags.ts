// The flags of a command as they were given; what they mean is the command's own matter.
import { availableParallelism } from "node:os";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";

/** Throws INVALID_INPUT naming an unknown flag, or one without its value or with an empty one, and the help of `command`. */
export function readFlags<T extends ParseArgsConfig>(command: string, config: T): ReturnType<typeof parseArgs<T>> {
  const refuse = (problem: string, cause?: unknown) =>
    new AppError("INVALID_INPUT", `${problem}; see attune ${command} --help`, { cause });
  let read: ReturnType<typeof parseArgs<T>>;
  try {
    read = parseArgs(config);
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  // A folder without a name would be the one that the command runs in.
  const empty = Object.entries(read.values).find(([, value]) => [value].flat().includes(""));
  if (empty !== undefined) throw refuse(`--${empty[0]}: is empty`);
  return read;
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
