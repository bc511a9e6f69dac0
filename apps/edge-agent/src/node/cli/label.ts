// attune-agent label: tells the agent what an utterance really was; the agent learns from it.

import { emotionLabels } from "@attune/shared/contracts/dataset";
import { labelInputSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import { daemonAgent } from "../local-client.js";
import type { Command } from "./command.js";
import { privacyNote, readUtterance } from "./utterance-input.js";

export const labelCommand: Command = {
  name: "label",
  summary: "store a text with its emotion, to learn from",
  usage: "label --id ID --label EMOTION [--split train|holdout] TEXT | -",
  details: [
    "The text is stored encrypted, in the device's directory only. The same ID again replaces it. Without --split",
    "one utterance in five is kept aside to test what was learned.",
    privacyNote,
  ].join("\n"),
  optionHelp: [
    ["--id ID", "your name for the utterance: 1 to 64 of A-Z a-z 0-9 _ -"],
    ["--label EMOTION", emotionLabels.join(", ")],
    ["--split SPLIT", "train or holdout"],
  ],
  examples: [
    "attune-agent label --id note-1 --label sadness - < note.txt",
    "echo 'I got the job!' | attune-agent label --id note-2 --label joy -",
  ],
  options: { id: { type: "string" }, label: { type: "string" }, split: { type: "string" } },
  maximumPositionals: 1,
  run: async ({ paths, positionals, text: option, io, print }) => {
    const id = requireOption("id", option("id"));
    const label = requireOption("label", option("label"));
    const split = option("split");
    const text = await readUtterance(positionals[0], io);
    const reply = await daemonAgent(paths).label(parseInput(labelInputSchema, { id, text, label, split }));
    const { train, holdout } = reply.utterances;
    print(reply, `stored ${reply.id} (${reply.split}); ${train} to learn from, ${holdout} to test on`);
  },
};

function requireOption(name: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new AppError("INVALID_INPUT", `--${name} is missing`);
  return value;
}
