// attune-agent forget: removes an utterance for good, from the store and from what was learned.

import { AppError } from "@attune/shared/errors";
import { daemonAgent } from "../local-client.js";
import type { Command } from "./command.js";

export const forgetCommand: Command = {
  name: "forget",
  summary: "remove a stored text for good and unlearn it",
  usage: "forget ID",
  details: [
    "The head is trained anew without it: the result is as if it had never been said. It stays forgotten when the store is put",
    "back to an earlier copy, unless the file `forgotten` beside it is put back, too.",
  ].join("\n"),
  examples: ["attune-agent forget note-1"],
  maximumPositionals: 1,
  run: async ({ paths, positionals, print }) => {
    const id = positionals[0];
    if (id === undefined) throw new AppError("INVALID_INPUT", "ID is missing");
    const reply = await daemonAgent(paths).forget(id);
    print(reply, reply.removed ? `removed ${id}` : `there was no utterance ${id}`);
  },
};
