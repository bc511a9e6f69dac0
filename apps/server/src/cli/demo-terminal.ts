// Runs the main job in a terminal: flags, directory, interruption, orderly end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Demo, runDemo } from "@attune/demo/run";
import { createScreen } from "@attune/demo/screen";
import type { CommandIo } from "@attune/platform/cli/program";
import { acquireHomeLock } from "@attune/platform/home-lock";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { readChildEnvironment, readEnv } from "../env.js";

interface TerminalSettings {
  readonly flags: {
    readonly home: string | undefined;
    readonly data: string | undefined;
    readonly people: number | undefined;
  };
  /** The number of people without `--people`, or as many as the data have where they have fewer. */
  readonly usualPeople: number;
  /** Whether a free port replaces the usual port where no port is configured. */
  readonly freePorts: boolean;
  /**
   * The directory without a flag or variable that names one; undefined for a new directory that is removed afterwards.
   */
  readonly defaultHome: string | undefined;
}

/** Runs the demo, hands it to `use`, and stops every process whatever happens. */
export async function runInTerminal(
  { flags, usualPeople, freePorts, defaultHome }: TerminalSettings,
  io: CommandIo,
  use: (demo: Demo, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  // The server would refuse a bad variable as well, but only in its log.
  readEnv();
  const { variables, home: homeOfEnvironment } = readChildEnvironment();
  const lasting = flags.home ?? homeOfEnvironment ?? defaultHome;
  const home = resolve(lasting ?? mkdtempSync(join(tmpdir(), "attune-demo-")));
  await makeOutputDirectory(home, flags.home === undefined ? "ATTUNE_HOME" : "--home");
  const lock = await acquireHomeLock(join(home, "demo.lock"));
  const interrupt = new AbortController();
  let defect: unknown;
  const onSignal = (): void => interrupt.abort(new Error("interrupted"));
  const onDefect = (error: unknown): void => {
    defect ??= error;
    interrupt.abort(error);
  };
  // The handlers stay for repeated signals. npm passes on a Ctrl-C that the terminal has already sent to the whole
  // group. The second signal must not cut the stopping short.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  process.on("uncaughtException", onDefect);
  const screen = createScreen(io.stderr, io.isTty);
  let demo: Demo | undefined;
  let failed = false;
  try {
    const ports = freePorts ? { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" } : {};
    const people = { ...flags, usualPeople };
    demo = await runDemo({ ...people, home, env: { ...ports, ...variables }, screen, signal: interrupt.signal });
    const code = await use(demo, interrupt.signal);
    if (defect !== undefined) throw defect;
    return code;
  } catch (error) {
    if (interrupt.signal.aborted && defect === undefined) return 130;
    failed = true;
    throw defect ?? error;
  } finally {
    if (interrupt.signal.aborted) io.stderr("\nStopping …\n");
    await demo?.stop();
    await lock.release();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onSignal);
    process.off("uncaughtException", onDefect);
    // A directory that the user did not name is removed, unless it holds the logs of a failure.
    if (failed) io.stderr(`The logs are kept in ${home}\n`);
    else if (lasting === undefined) rmSync(home, { recursive: true, force: true });
  }
}
