// attune-agent let-in: takes the release that waits for its verdict, without a verdict.

import type { Body } from "@attune/platform/cli/declaration";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { letIn as declaration } from "./declarations.js";

export const letIn: Body<typeof declaration, AgentContext> = async (_input, { paths, print }) => {
  const reply = await daemonAgent(paths).letIn();
  print(reply, reply.release === null ? "no release waits for its verdict" : `release ${reply.release} is let in`);
};
