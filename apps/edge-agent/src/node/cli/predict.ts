// attune-agent predict: recognises the emotion of one utterance.

import type { Body } from "@attune/platform/cli/declaration";
import type { LabelSet } from "@attune/shared/contracts/label-set";
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
  const agent = daemonAgent(paths);
  const reply = await agent.predict({ text });
  print(reply, inWords(reply, (await agent.status()).release?.labels ?? []));
};

/** A larger set of labels is no answer. */
const maxNamed = 3;

/** A label that is not among `labels` is shown by its slug. */
export function inWords({ predictionSet, probabilities, head, ms }: Prediction, labels: LabelSet): string {
  const wordsOf = (slug: string) => labels.find((known) => known.slug === slug)?.words ?? slug;
  const ranked = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const width = 1 + Math.max(...ranked.map(([slug]) => wordsOf(slug).length));
  const bars = ranked.map(([slug, p]) => {
    const percent = `${(100 * p).toFixed(1)}%`.padStart(6);
    return `  ${wordsOf(slug).padEnd(width)} ${percent} ${"█".repeat(Math.round(20 * p))}`.trimEnd();
  });
  return [`${answerOf(predictionSet.map(wordsOf))} (${head} head, ${ms.toFixed(2)} ms)`, ...bars].join("\n");
}

function answerOf(words: readonly string[]): string {
  const [first, ...others] = words;
  if (words.length > maxNamed) return `Not sure: ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return others.length === 0 ? `Sounds like ${first}` : `Sounds like ${first}, maybe ${others.join(" or ")}`;
}
