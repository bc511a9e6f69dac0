// attune-agent forget: removes an utterance for good, from the store and from what was learned.

import type { Body } from "@attune/platform/cli/declaration";
import type { Forgotten } from "@attune/shared/contracts/local-api";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { forget as declaration } from "./declarations.js";

export const forget: Body<typeof declaration, AgentContext> = async ({ arguments: [id] }, { paths, print }) => {
  const reply = await daemonAgent(paths).forget(id);
  print(reply, inWords(id, reply));
};

export function inWords(id: string, { removed, retrained }: Forgotten): string {
  if (!removed) return `there was no utterance ${id}`;
  if (retrained === undefined) return `removed ${id}`;
  const head = retrained ? "the head was refitted without it" : "no head had learned yet";
  return `removed ${id}; ${head}`;
}
