// attune-agent predict: recognises the emotion of one utterance.

import type { Prediction } from "@attune/shared/contracts/local-api";
import { daemonAgent } from "../local-client.js";
import type { Command } from "./command.js";
import { privacyNote, readUtterance } from "./utterance-input.js";

export const predictCommand: Command = {
  name: "predict",
  summary: "recognise the emotion of a text",
  usage: "predict TEXT | -",
  details: `Nothing is stored but how long it took.\n${privacyNote}`,
  examples: ["attune-agent predict - < note.txt", "echo 'I got the job!' | attune-agent predict - --json"],
  maximumPositionals: 1,
  run: async ({ paths, positionals, io, print }) => {
    const text = await readUtterance(positionals[0], io);
    const reply = await daemonAgent(paths).predict({ text });
    print(reply, inWords(reply));
  },
};

function inWords({ label, probabilities, head, ms }: Prediction): string {
  const ranked = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const bars = ranked.map(([name, p]) => {
    const percent = `${(100 * p).toFixed(1)}%`.padStart(6);
    return `  ${name.padEnd(9)} ${percent} ${"█".repeat(Math.round(20 * p))}`.trimEnd();
  });
  return [`${label} (${head} head, ${ms.toFixed(2)} ms)`, ...bars].join("\n");
}
