// attune-agent forget: removes an utterance for good, from the store and from what was learned.

import type { Body } from "@attune/platform/cli/declaration";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { forget as declaration } from "./declarations.js";

export const forget: Body<typeof declaration, AgentContext> = async ({ arguments: [id] }, { paths, print }) => {
  const reply = await daemonAgent(paths).forget(id);
  print(reply, reply.removed ? `removed ${id}` : `there was no utterance ${id}`);
};
