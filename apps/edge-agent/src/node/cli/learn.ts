// attune-agent learn: fits the personal head now and says what it is worth.

import { daemonAgent } from "../local-client.js";
import type { Command } from "./command.js";
import { asF1, asMs } from "./format.js";

export const learnCommand: Command = {
  name: "learn",
  summary: "train the personal head now",
  usage: "learn [--report]",
  details: "It also happens by itself: after every 50 labelled utterances at first, later after every quarter more.",
  optionHelp: [["--report", "queue a metrics report about it (numbers only)"]],
  examples: ["attune-agent learn", "attune-agent learn --report --json"],
  options: { report: { type: "boolean" } },
  maximumPositionals: 0,
  run: async ({ paths, flag, print }) => {
    const reply = await daemonAgent(paths).learn({ report: flag("report") });
    print(
      reply,
      [
        `the ${reply.head} head answers now${reply.trainMs === null ? "" : ` (trained in ${asMs(reply.trainMs)})`}`,
        `weighted F1 on ${reply.holdout} held-out utterances: prior ${asF1(reply.f1Prior)}, personal ${asF1(reply.f1Personal)}`,
      ].join("\n"),
    );
  },
};
