// `attune token`: hands out one-time enrolment tokens.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { tokenCreate } from "./declarations/fleet.js";

export const createToken: Body<typeof tokenCreate, CommandIo> = async ({ values }, io) => {
  const { fleet, expires: ttlMs, count, tag } = values;
  const input = { fleet, ttlMs, count, tags: [...tag] };
  const made = await askServer(await accessOf(values), (client) => client.token.create.mutate(input));
  if (io.json) {
    io.stdout(JSON.stringify(made));
    return;
  }
  for (const token of made.tokens) io.stdout(token);
  io.stderr(`${count === 1 ? "enrols" : "enrol"} ${counted(count, "device")} into ${fleet} until ${made.expiresAt}\n`);
};
