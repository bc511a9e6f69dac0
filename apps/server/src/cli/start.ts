// `attune start`: runs the main job on embedded defaults until it is interrupted.

import { once } from "node:events";
import { renderTable } from "@attune/demo/screen";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import type { start } from "./declarations/local.js";
import { runInTerminal } from "./demo-terminal.js";

export const runStart: Body<typeof start, CommandIo> = async ({ values }, io) => {
  const settings = { flags: values, usualPeople: 3, freePorts: false, defaultHome: ".attune-demo" };
  return runInTerminal(settings, io, async (demo, signal) => {
    if (io.json) io.stdout(JSON.stringify(demo.result));
    else io.stdout(renderTable(demo.result.people));
    io.stderr("Everything stays up until Ctrl-C. The next start resumes from here.\n");
    if (!signal.aborted) await Promise.race([once(signal, "abort"), demo.failed]);
    return 0;
  });
};
