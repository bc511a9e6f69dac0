// attune-agent label: gives the agent the true emotion of an utterance; the agent learns from it.

import type { Body } from "@attune/platform/cli/declaration";
import { labelInputSchema } from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { label as declaration } from "./declarations.js";
import { readUtterance } from "./utterance-input.js";

export const label: Body<typeof declaration, AgentContext> = async (
  { values, arguments: [given] },
  { paths, stdin, print },
) => {
  const { id, label, split } = values;
  const text = await readUtterance(given, stdin);
  const reply = await daemonAgent(paths).label(parseInput(labelInputSchema, { id, text, label, split }));
  const { train, holdout } = reply.utterances;
  print(reply, `stored ${reply.id} (${reply.split}); ${train} to learn from, ${holdout} to test on`);
};
