// The text of an utterance as a command receives it: an argument, or `-` for standard input.

import { largestUtteranceBytes, utteranceSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { CommandIo } from "./command.js";

/** Text on the command line is seen by every user of the machine in `ps` and stays in the shell's history. */
export const privacyNote = [
  "Text given as an argument can be seen by other users of this machine (ps) and stays in the",
  "shell's history. Give - and the text on standard input instead.",
].join("\n");

/** The longest utterance, and room for white space around it. */
const limitBytes = largestUtteranceBytes + 1_024;

export async function readUtterance(argument: string | undefined, io: CommandIo): Promise<string> {
  if (argument === undefined)
    throw new AppError("INVALID_INPUT", "TEXT is missing; give it in quotes, or - to read standard input");
  const text = (argument === "-" ? await readAll(io.stdin) : argument).trim();
  return parseInput(utteranceSchema, text, "TEXT");
}

export async function readAll(stdin: CommandIo["stdin"]): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin) {
    const bytes = Buffer.from(part as Uint8Array);
    size += bytes.length;
    if (size > limitBytes) throw new AppError("INVALID_INPUT", `standard input is larger than ${limitBytes} bytes`);
    parts.push(bytes);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new AppError("INVALID_INPUT", "standard input is not UTF-8");
  }
}
