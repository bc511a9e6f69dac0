// `attune demo`: runs the whole loop on one machine, to completion.

import { renderTable } from "@attune/demo/screen";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import type { demo } from "./declarations/local.js";
import { runInTerminal } from "./demo-terminal.js";

export const runDemoCommand: Body<typeof demo, CommandIo> = async ({ values }, io) => {
  const settings = { flags: values, usualPeople: 6, freePorts: true, defaultHome: undefined };
  return runInTerminal(settings, io, async (demo) => {
    if (io.json) io.stdout(JSON.stringify(demo.result));
    else io.stdout(renderTable(demo.result.people));
    return demo.result.people.every(({ textBytesOut }) => textBytesOut === 0) ? 0 : 1;
  });
};
