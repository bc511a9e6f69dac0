// The `attune` commands: their names and what the list says of them. Each is loaded only when it is run.

import type { Command } from "./command.js";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
}

export const commandTable: readonly CommandEntry[] = [
  { name: "start", summary: "start the server and three agents, and show how each tunes itself to its person" },
  { name: "demo", summary: "do the same to completion, in a directory of its own" },
  { name: "bench", summary: "measure predictions and training of heads beside TensorFlow.js" },
  { name: "server", summary: "run the server: database, bus, registry, rollouts, ingestion" },
  { name: "pretrain", summary: "train a feature extractor on a labelled dataset" },
  { name: "extractor", summary: "freeze, quantize and evaluate a feature extractor" },
  { name: "publish", summary: "publish a frozen extractor as a signed release" },
  { name: "release", summary: "list the releases, or show one" },
  { name: "fleet", summary: "create a fleet, or list them" },
  { name: "rollout", summary: "roll a release out to a fleet, and watch it" },
  { name: "token", summary: "create a one-time enrolment token" },
  { name: "device", summary: "list the devices, or revoke one" },
  { name: "report", summary: "read what devices have reported" },
  { name: "audit", summary: "compare a device's journal with what the server received" },
];

/** By convention `attune x` is the export `xCommand` of `cli/x.ts`; a test holds the table to it. */
export async function loadCommand(entry: CommandEntry): Promise<Command> {
  const module = (await import(`./${entry.name}.js`)) as Readonly<Record<string, Command | undefined>>;
  const command = module[`${entry.name}Command`];
  if (command === undefined) throw new TypeError(`cli/${entry.name}.ts exports no ${entry.name}Command`);
  return command;
}
