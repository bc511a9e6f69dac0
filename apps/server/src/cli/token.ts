// `attune token`: hands out one-time enrolment tokens.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { tokenCreate } from "./declarations/fleet.js";

export const createToken: Body<typeof tokenCreate, CommandIo> = async ({ values }, io) => {
  const { fleet, ttl: ttlMs } = values;
  const token = await askServer(await accessOf(values), (client) => client.token.create.mutate({ fleet, ttlMs }));
  io.stdout(io.json ? JSON.stringify(token) : token.token);
  if (!io.json) io.stderr(`enrols one device into ${fleet} until ${token.expiresAt}\n`);
};
