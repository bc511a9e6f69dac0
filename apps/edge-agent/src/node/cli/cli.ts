// Finds the command, parses its arguments, and says what went wrong: one line of what, one of what to do.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";
import { printable } from "@attune/shared/printable";
import { systemFault } from "@attune/shared/system-fault";
import { readEnv } from "../env.js";
import { describeFault, stackLines } from "../fault.js";
import { homePaths } from "../home.js";
import type { Command, CommandIo } from "./command.js";
import { enrolCommand } from "./enrol.js";
import { forgetCommand } from "./forget.js";
import { journalCommand } from "./journal.js";
import { labelCommand } from "./label.js";
import { learnCommand } from "./learn.js";
import { predictCommand } from "./predict.js";
import { runCommand } from "./run.js";
import { statusCommand } from "./status.js";

export const commands: readonly Command[] = [
  enrolCommand,
  runCommand,
  predictCommand,
  labelCommand,
  learnCommand,
  statusCommand,
  forgetCommand,
  journalCommand,
];

export const sharedOptions = {
  home: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const sharedHelp = [
  ["--home DIR", "the device's directory (default: ATTUNE_AGENT_HOME or ~/.attune-agent)"],
  ["--json", "exactly one JSON object on stdout"],
  ["--help", "this text"],
] as const;

/** The process's exit code: 0, or 1 after an error. */
export async function runCli(argv: readonly string[], io: CommandIo, variables?: NodeJS.ProcessEnv): Promise<number> {
  const [name, ...rest] = argv;
  const json = argv.includes("--json");
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io.stdout(overview());
    return name === undefined ? 1 : 0;
  }
  try {
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined) {
      const known = commands.map((candidate) => candidate.name).join(", ");
      throw new AppError("INVALID_INPUT", `there is no such command; the commands are: ${known}`);
    }
    return await runCommandLine(command, { argv: rest, io, variables });
  } catch (error) {
    reportError(error, { json, io });
    return 1;
  }
}

interface CommandLine {
  readonly argv: string[];
  readonly io: CommandIo;
  readonly variables: NodeJS.ProcessEnv | undefined;
}

async function runCommandLine(command: Command, { argv, io, variables }: CommandLine): Promise<number> {
  const { values, positionals } = parseArguments(command, argv);
  if (values.help === true) {
    io.stdout(helpOf(command));
    return 0;
  }
  if (positionals.length > command.maximumPositionals) {
    throw new AppError(
      "INVALID_INPUT",
      `${command.name} takes ${command.maximumPositionals === 0 ? "no argument" : "one argument"} beside its flags, and a text of several words ` +
        `needs quotes; usage: attune-agent ${command.usage}`,
    );
  }
  const env = readEnv(variables);
  const home = resolve(typeof values.home === "string" && values.home !== "" ? values.home : env.home);
  await command.run({
    env,
    paths: homePaths(home),
    positionals,
    text: (option) => {
      const value = values[option];
      return typeof value === "string" ? value : undefined;
    },
    flag: (option) => values[option] === true,
    io,
    print: (result, words) => io.stdout(values.json === true ? `${JSON.stringify(result)}\n` : `${words}\n`),
  });
  return 0;
}

function parseArguments(
  command: Command,
  argv: string[],
): { values: Readonly<Record<string, unknown>>; positionals: string[] } {
  try {
    return parseArgs({ args: argv, options: { ...sharedOptions, ...command.options }, allowPositionals: true });
  } catch (cause) {
    // The error's own words quote what was typed, which may be an utterance that starts with a dash.
    const option = /'(--?[\w-]+)/.exec(cause instanceof Error ? cause.message : "")?.[1];
    const what = option === undefined ? "the options cannot be read" : `option ${option} is unknown or lacks its value`;
    throw new AppError("INVALID_INPUT", `${what}; see attune-agent ${command.name} --help`);
  }
}

function reportError(error: unknown, { json, io }: { json: boolean; io: CommandIo }): void {
  const told = error instanceof AppError ? error : systemFault(error);
  const fault = told ?? new AppError("INTERNAL", describeFault(error), { cause: error });
  const { code, remedy } = fault;
  const message = printable(fault.message);
  if (json) io.stdout(`${JSON.stringify({ error: { code, message, remedy } })}\n`);
  else io.stderr(`error ${code}: ${message}\nwhat to do: ${remedy}\n`);
  if (code === "INTERNAL")
    io.stderr(`${stackLines(error)}
`);
}

function overview(): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`);
  return [
    "attune-agent: recognises emotions on this device, learns from corrections here, reports only numbers.",
    "",
    "usage: attune-agent COMMAND [options]",
    "",
    ...lines,
    "",
    "attune-agent COMMAND --help explains a command.",
    "",
  ].join("\n");
}

function helpOf({ name, summary, usage, details, optionHelp = [], examples }: Command): string {
  const options = [...optionHelp, ...sharedHelp].map(([option, meaning]) => `  ${option.padEnd(20)} ${meaning}`);
  return [
    `attune-agent ${name}: ${summary}`,
    "",
    `usage: attune-agent ${usage}`,
    ...(details === undefined ? [] : ["", details]),
    "",
    "options:",
    ...options,
    "",
    "examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}
