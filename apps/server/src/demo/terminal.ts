// Runs the main job for a terminal: flags, directory, interruption, orderly end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";
import type { CommandIo } from "../cli/command.js";
import { readChildEnvironment } from "../env.js";
import { makeOutputDirectory } from "../platform/output-directory.js";
import { type Demo, runDemo } from "./run.js";
import { createScreen } from "./screen.js";

export interface DemoFlags {
  readonly home?: string;
  readonly data: string | undefined;
  readonly people: number;
}

export function parseDemoFlags(argv: string[], defaults: { readonly people: number }): DemoFlags {
  const { values } = parseArgs({
    args: argv,
    options: { data: { type: "string" }, people: { type: "string" }, home: { type: "string" } },
  });
  const people = values.people === undefined ? defaults.people : Number(values.people);
  if (!Number.isInteger(people) || people < 1 || people > 100) {
    throw new AppError(
      "INVALID_CONFIGURATION",
      `--people is ${values.people}; it must be a whole number from 1 to 100`,
    );
  }
  return { ...(values.home === undefined ? {} : { home: values.home }), data: values.data, people };
}

/** Runs the demo, hands it to `use`, and stops every process whatever happens. */
export async function runInTerminal(
  flags: DemoFlags & { readonly freePorts: boolean },
  io: CommandIo,
  use: (demo: Demo, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const { variables, home: homeOfEnvironment } = readChildEnvironment();
  const lasting = flags.home ?? homeOfEnvironment;
  const home = resolve(lasting ?? mkdtempSync(join(tmpdir(), "attune-demo-")));
  await makeOutputDirectory(home, flags.home === undefined ? "ATTUNE_HOME" : "--home");
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new Error("interrupted"));
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const screen = createScreen(io.stderr, io.isTty);
  let demo: Demo | undefined;
  let failed = false;
  try {
    const ports = flags.freePorts ? { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" } : {};
    demo = await runDemo({ ...flags, home, env: { ...ports, ...variables }, screen, signal: interrupt.signal });
    return await use(demo, interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    failed = true;
    throw error;
  } finally {
    if (interrupt.signal.aborted) io.stderr("\nStopping …\n");
    await demo?.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    // A directory that nobody asked for is not left behind, but with the logs of a failure in it.
    if (failed) io.stderr(`The logs are kept in ${home}\n`);
    else if (lasting === undefined) rmSync(home, { recursive: true, force: true });
  }
}
