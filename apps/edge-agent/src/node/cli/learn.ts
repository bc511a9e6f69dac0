// attune-agent learn: fits the personal head now and prints its scores.

import type { Body } from "@attune/platform/cli/declaration";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { learn as declaration } from "./declarations.js";
import { asF1, asMs } from "./format.js";

export const learn: Body<typeof declaration, AgentContext> = async ({ values }, { paths, print }) => {
  const reply = await daemonAgent(paths).learn({ report: values.report });
  print(
    reply,
    [
      `the ${reply.head} head answers now${reply.trainMs === null ? "" : ` (trained in ${asMs(reply.trainMs)})`}`,
      reply.holdout === 0
        ? "weighted F1: not measured, because no utterance is kept to test on"
        : `weighted F1 on ${reply.holdout} utterances kept to test on: prior ${asF1(reply.f1Prior)}, personal ${asF1(reply.f1Personal)}`,
    ].join("\n"),
  );
};
