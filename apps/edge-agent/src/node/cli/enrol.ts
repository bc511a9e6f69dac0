// attune-agent enrol: joins a fleet with a one-time token.

import type { Body } from "@attune/platform/cli/declaration";
import { AppError } from "@attune/shared/errors";
import { writeServer } from "../home.js";
import { findDaemon } from "../home-lock.js";
import { createLogger } from "../logger.js";
import type { AgentContext } from "./context.js";
import type { enrol as declaration } from "./declarations.js";
import { requireServer } from "./server-address.js";
import { readAll } from "./utterance-input.js";

export const enrol: Body<typeof declaration, AgentContext> = async ({ values }, { env, paths, stdin, print }) => {
  const server = requireServer(values.server ?? env.server);
  const token = (values.token === "-" ? await readAll(stdin) : values.token).trim();
  if ((await findDaemon(paths.home)) !== undefined) {
    throw new AppError("ALREADY_ENROLLED", `an enrolled agent is running in ${paths.home}`);
  }
  const { openAgent } = await import("../open-agent.js");
  const log = createLogger(env.logLevel === "info" ? "warn" : env.logLevel);
  const opened = await openAgent({
    paths,
    server,
    outboxLimit: env.outboxLimit,
    threads: env.threads,
    log,
    brief: true,
  });
  try {
    const enrolment = await opened.agent.enrol({ token });
    await writeServer(paths, server);
    print(enrolment, `enrolled in fleet ${enrolment.fleet} as device ${enrolment.device}`);
  } finally {
    await opened.close();
  }
};
