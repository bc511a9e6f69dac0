// From the arguments of `attune` to an exit code: finds the command, shows help, and says of an error what to do about it.

import { AppError } from "@attune/shared/errors";
import { printable } from "@attune/shared/printable";
import { systemFault } from "@attune/shared/system-fault";
import type { Command, CommandIo } from "./command.js";
import { type CommandEntry, commandTable } from "./commands.js";

export interface DispatchOptions {
  readonly io: Omit<CommandIo, "json">;
  readonly table?: readonly CommandEntry[];
}

/** 0 on success, 1 on an error. With `--json` standard output is one JSON object, whatever happens. */
export async function dispatch(argv: readonly string[], options: DispatchOptions): Promise<number> {
  const { table = commandTable } = options;
  const separator = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const flags = argv.slice(0, separator);
  const io: CommandIo = { ...options.io, json: flags.includes("--json") };
  const [name, ...rest] = [...flags.filter((argument) => argument !== "--json"), ...argv.slice(separator)];
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      showOverview(table, io);
      return name === undefined ? 1 : 0;
    }
    const entry = table.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new AppError("INVALID_INPUT", `there is no command "${name}"; see attune --help`);
    const command = await load(entry);
    if (flags.includes("--help") || flags.includes("-h")) {
      const usage = command.parts?.get(rest[0] ?? "") ?? command.usage;
      io.stdout(io.json ? JSON.stringify({ usage }) : usage.trimEnd());
      return 0;
    }
    return await command.run(rest, io);
  } catch (error) {
    showError(error, io);
    return 1;
  }
}

/** Training is a package of its own, which the fleet's image leaves out. */
async function load(entry: CommandEntry): Promise<Command> {
  try {
    return await entry.load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !/@attune\/training|@tensorflow/.test(message)) throw cause;
    throw new AppError(
      "INVALID_CONFIGURATION",
      `attune ${entry.name} needs the package @attune/training, which this installation leaves out; run npm ci in the repository`,
      { cause },
    );
  }
}

function showOverview(table: readonly CommandEntry[], io: CommandIo): void {
  if (io.json) {
    io.stdout(JSON.stringify({ commands: table.map(({ name, summary }) => ({ name, summary })) }));
    return;
  }
  const width = Math.max(...table.map(({ name }) => name.length));
  io.stdout(`Usage: attune <command> [options]

Commands:
${table.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join("\n")}

Every command has --help, and --json for one JSON object on standard output.
Settings come from environment variables: ATTUNE_HOME, ATTUNE_HTTP_PORT and others; see attune server --help.`);
}

function showError(error: unknown, io: CommandIo): void {
  const told = error instanceof AppError ? error : systemFault(error);
  const fault = told ?? new AppError("INTERNAL", messageOf(error), { cause: error });
  const { code, remedy } = fault;
  const message = printable(fault.message);
  if (io.json) io.stdout(JSON.stringify({ error: { code, message, remedy } }));
  io.stderr(`error ${code}: ${message}\nwhat to do: ${remedy}\n`);
  // Of a defect its place is worth knowing; a stack holds no argument and no text.
  if (code === "INTERNAL" && error instanceof Error) io.stderr(`${stackOf(error)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  return frames.slice(0, 8).map(printable).join("\n");
}
