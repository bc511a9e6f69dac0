// attune-agent agree: the person agrees to a version of the egress contract.

import type { Body } from "@attune/platform/cli/declaration";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { agree as declaration } from "./declarations.js";

export const agree: Body<typeof declaration, AgentContext> = async ({ arguments: [version] }, { paths, print }) => {
  const reply = await daemonAgent(paths).agree({ contract: Number(version) });
  print(
    reply,
    `agreed to egress contract ${reply.agreed}; this device speaks contract ${reply.spoken} with the release that runs`,
  );
};
