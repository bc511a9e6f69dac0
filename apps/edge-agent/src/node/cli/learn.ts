// attune-agent learn: refits the personal head now and prints its scores.

import type { Body } from "@attune/platform/cli/declaration";
import type { Learned } from "@attune/shared/contracts/local-api";
import { daemonAgent } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { learn as declaration } from "./declarations.js";
import { asF1, asMs } from "./format.js";

export const learn: Body<typeof declaration, AgentContext> = async ({ values }, { paths, print }) => {
  const reply = await daemonAgent(paths).learn({ report: values.report });
  print(
    reply,
    [
      refitInWords(reply),
      reply.holdout === 0
        ? "weighted F1: not measured, because no utterance is kept to test on"
        : `weighted F1 on ${reply.holdout} utterances kept to test on: prior ${asF1(reply.f1Prior)}, personal ${asF1(reply.f1Personal)}`,
    ].join("\n"),
  );
};

function refitInWords({ head, trainMs }: Learned): string {
  if (head === "prior") return "the prior head answers, because no label has been learned yet";
  return `the personal head was refitted${trainMs === null ? "" : ` in ${asMs(trainMs)}`}`;
}
