// `attune start`: the main job on embedded defaults; stays up until it is interrupted.

import { once } from "node:events";
import { renderTable } from "../demo/screen.js";
import type { Command } from "./command.js";
import { demoOptions, parseDemoFlags, runInTerminal } from "./demo-terminal.js";

export const startCommand: Command = {
  name: "start",
  usage: `Usage: attune start [options]

Starts PostgreSQL, NATS and the server, publishes the bundled release, starts three agents as processes of their own and
shows how each tunes itself to its person. Stays up until Ctrl-C; started again, it goes on from its directory.

Options:
  --data <folder>    people from a folder in MELD's form; default: the sample people
  --people <n>       how many agents (default 3)
  --home <folder>    where everything is kept (default: $ATTUNE_HOME, else .attune)
  --json             one JSON object on standard output once everybody was lived through; it stays up all the same

Ports: ATTUNE_HTTP_PORT (7310), ATTUNE_NATS_PORT (7322), ATTUNE_POSTGRES_PORT (7332); 0 takes a free one.

Examples:
  attune start
  ATTUNE_HOME=/var/lib/attune attune start --people 6`,
  options: demoOptions,

  async run(argv, io) {
    const flags = parseDemoFlags("start", argv, { people: 3 });
    return runInTerminal({ flags, freePorts: false, defaultHome: ".attune" }, io, async (demo, signal) => {
      if (io.json) io.stdout(JSON.stringify(demo.result));
      else io.stdout(renderTable(demo.result.people));
      io.stderr("Everything stays up; Ctrl-C stops it, and starting again goes on from here.\n");
      if (!signal.aborted) await Promise.race([once(signal, "abort"), demo.failed]);
      return 0;
    });
  },
};
