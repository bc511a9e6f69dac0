// attune-agent enrol: joins a fleet with a one-time token.

import { AppError } from "@attune/shared/errors";
import { writeServer } from "../home.js";
import { findDaemon } from "../home-lock.js";
import { createLogger } from "../logger.js";
import type { Command } from "./command.js";
import { requireServer } from "./server-address.js";
import { readAll } from "./utterance-input.js";

export const enrolCommand: Command = {
  name: "enrol",
  summary: "join a fleet with a one-time token",
  usage: "enrol --server URL --token TOKEN | -",
  details: [
    "The device's key is made here and stays here; the server gets its public half. The token is good for one device;",
    "with --token - it is read from standard input.",
  ].join("\n"),
  optionHelp: [
    ["--server URL", "the fleet's server (default: ATTUNE_SERVER)"],
    ["--token TOKEN", "from the fleet manager (attune token create)"],
  ],
  examples: [
    "attune-agent enrol --server http://127.0.0.1:7310 --token attune1.…",
    "attune-agent enrol --server https://fleet.example --token - < token.txt",
  ],
  options: { server: { type: "string" }, token: { type: "string" } },
  maximumPositionals: 0,
  run: async ({ env, paths, text, io, print }) => {
    const server = requireServer(text("server") ?? env.server);
    const given = text("token");
    if (given === undefined) throw new AppError("INVALID_INPUT", "--token is missing");
    const token = (given === "-" ? await readAll(io.stdin) : given).trim();
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
  },
};
