// Runs a program's command line, and reports a fault in two lines: the fault, and the remedy.

import { AppError, type ErrorCode } from "@attune/shared/errors";
import { printable } from "@attune/shared/printable";
import { systemFault } from "@attune/shared/system-fault";
import type { UncheckedInput } from "./declaration.js";
import { exitCodeOf } from "./exit-codes.js";
import { helpOf } from "./help.js";
import { parseCommandLine } from "./parser.js";
import type { CommandIo, Place, Program } from "./program.js";
import { version } from "./version.js";

interface Host<Context> {
  readonly io: Omit<CommandIo, "json">;
  /** Makes the context in which a body works. */
  readonly open: (values: UncheckedInput["values"], io: CommandIo) => Context;
  /** The part of a defect that may be reported. */
  readonly describeDefect: (error: unknown) => string;
  /** With --json an error is an object on standard output. This flag adds the words for a person on standard error. */
  readonly alwaysInWords: boolean;
}

/**
 * The exit code: a body's own, or that of its error. With `--json` standard output is
 * one JSON object in each case.
 */
export async function runProgram<Context>(
  program: Program<Context>,
  argv: readonly string[],
  host: Host<Context>,
): Promise<number> {
  const separator = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const words = argv.filter((word, index) => word !== "--json" || index > separator);
  const io: CommandIo = { ...host.io, json: words.length < argv.length };
  try {
    return await perform(program, words, { io, open: host.open });
  } catch (error) {
    return exitCodeOf(reportError(error, io, host));
  }
}

/** Runs a command line without `--json`, which `io` holds. Throws the command's fault. */
export async function perform<Context>(
  program: Program<Context>,
  argv: readonly string[],
  { io, open }: { readonly io: CommandIo; readonly open: Host<Context>["open"] },
): Promise<number> {
  const request = parseCommandLine(program, argv);
  if (request.kind === "version") {
    io.stdout(io.json ? JSON.stringify({ version }) : version);
    return 0;
  }
  if (request.kind === "help") {
    io.stdout(io.json ? JSON.stringify(helpObject(request.place)) : helpOf(request.place).trimEnd());
    return request.exitCode;
  }
  const { command, input } = request;
  const context = open(input.values, io);
  const body = await command.load();
  return (await body(input, context)) ?? 0;
}

function helpObject<Context>(place: Place<Context>): object {
  if (place.command !== undefined) return { usage: helpOf(place) };
  return { commands: place.commands.map(({ declaration: { name, summary } }) => ({ name, summary })) };
}

function reportError<Context>(error: unknown, io: CommandIo, host: Host<Context>): ErrorCode {
  const known = error instanceof AppError ? error : systemFault(error);
  const fault = known ?? new AppError("INTERNAL", host.describeDefect(error), { cause: error });
  const { code, remedy } = fault;
  const message = printable(fault.message);
  if (io.json) io.stdout(JSON.stringify({ error: { code, message, remedy } }));
  if (!io.json || host.alwaysInWords) io.stderr(`error ${code}: ${message}\nwhat to do: ${remedy}\n`);
  if (code === "INTERNAL" && error instanceof Error) io.stderr(`${stackOf(error)}\n`);
  return code;
}

/** The place of a defect helps its repair. A frame holds no argument and no text. */
function stackOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  return frames.slice(0, 8).map(printable).join("\n");
}
