// attune-agent predict: recognises the emotion of one utterance.

import type { Body } from "@attune/platform/cli/declaration";
import type { Prediction } from "@attune/shared/contracts/local-api";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { predict as declaration } from "./declarations.js";
import { readUtterance } from "./utterance-input.js";

export const predict: Body<typeof declaration, AgentContext> = async (
  { arguments: [given] },
  { paths, stdin, print },
) => {
  const text = await readUtterance(given, stdin);
  const reply = await daemonAgent(paths).predict({ text });
  print(reply, inWords(reply));
};

function inWords({ label, probabilities, head, ms }: Prediction): string {
  const ranked = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const bars = ranked.map(([name, p]) => {
    const percent = `${(100 * p).toFixed(1)}%`.padStart(6);
    return `  ${name.padEnd(9)} ${percent} ${"█".repeat(Math.round(20 * p))}`.trimEnd();
  });
  return [`${label} (${head} head, ${ms.toFixed(2)} ms)`, ...bars].join("\n");
}
