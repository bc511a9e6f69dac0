// The text of an utterance as a command receives it: an argument, or `-` for standard input.

import { maxUtteranceBytes, utteranceSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { AgentIo } from "./context.js";

/** The longest utterance, with room for white space around it. */
const limitBytes = maxUtteranceBytes + 1_024;

export async function readUtterance(argument: string, stdin: AgentIo["stdin"]): Promise<string> {
  const text = (argument === "-" ? await readAll(stdin) : argument).trim();
  return parseInput(utteranceSchema, text, "TEXT");
}

export async function readAll(stdin: AgentIo["stdin"]): Promise<string> {
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
