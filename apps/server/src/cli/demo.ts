// `attune demo`: the whole loop on one machine, to completion.

import { renderTable } from "../demo/screen.js";
import type { Command } from "./command.js";
import { demoOptions, parseDemoFlags, runInTerminal } from "./demo-terminal.js";

export const demoCommand: Command = {
  name: "demo",
  usage: `Usage: attune demo [options]

Starts PostgreSQL, NATS, the server and one agent process per person; each agent predicts, is corrected by its person,
tunes its head and reports. Ends with a table: what tuning gained, and what left each device.

Options:
  --data <folder>    people from a folder in MELD's form (train_sent_emo.csv, dev_sent_emo.csv); default: the sample people
  --people <n>       how many of its main speakers, most talkative first (default 6)
  --home <folder>    where everything is kept; a second run goes on from there (default: $ATTUNE_HOME, else a new temporary one)
  --json             one JSON object on standard output, progress on standard error

Exits 0 when every person was lived through, every report reached the server exactly once and no byte of text left.

Examples:
  attune demo
  attune demo --json > result.json
  attune demo --data ../shared/data/meld`,
  options: demoOptions,

  async run(argv, io) {
    const flags = parseDemoFlags("demo", argv, { people: 6 });
    return runInTerminal({ flags, freePorts: true, defaultHome: undefined }, io, async (demo) => {
      if (io.json) io.stdout(JSON.stringify(demo.result));
      else io.stdout(renderTable(demo.result.people));
      return demo.result.people.every(({ textBytesOut }) => textBytesOut === 0) ? 0 : 1;
    });
  },
};
