// `attune access`: gives people and programs access to the server, ends it, and checks the chain of events.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { fetchEvents } from "../client/events.js";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { accessCreate, accessEvents, accessList, accessRevoke } from "./declarations/access.js";

export const createAccess: Body<typeof accessCreate, CommandIo> = async ({ values }, io) => {
  const { name, role, expires: ttlMs } = values;
  const input = { name, roles: [...role], ttlMs };
  const given = await askServer(await accessOf(values), (client) => client.access.create.mutate(input));
  io.stdout(io.json ? JSON.stringify(given) : given.token);
  if (!io.json) io.stderr(`access ${given.id} of ${name} as ${role.join(", ")} until ${given.expiresAt}\n`);
};

export const listAccess: Body<typeof accessList, CommandIo> = async ({ values }, io) => {
  const tokens = await askServer(await accessOf(values), (client) => client.access.list.query());
  if (io.json) {
    io.stdout(JSON.stringify({ tokens }));
    return;
  }
  const rows = tokens.map(({ id, kind, name, roles, state, expiresAt }) => ({
    ...{ access: id, kind, name, roles: roles.join(","), state, expires: expiresAt },
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const revokeAccess: Body<typeof accessRevoke, CommandIo> = async ({ values, arguments: [id] }, io) => {
  const revoked = await askServer(await accessOf(values), (client) => client.access.revoke.mutate({ id }));
  io.stdout(io.json ? JSON.stringify(revoked) : `access ${id} is revoked`);
};

export const listEvents: Body<typeof accessEvents, CommandIo> = async ({ values }, io) => {
  const { events, head, fault } = await fetchEvents(await accessOf(values), values.limit);
  if (io.json) io.stdout(JSON.stringify({ events, head, fault }));
  else {
    const rows = events.map(({ sequence, at, actor, action, subject, reason }) => ({
      ...{ event: sequence, at, actor, action, subject, reason },
    }));
    for (const line of tableLines(rows)) io.stdout(line);
    io.stdout(fault ?? `the chain holds: ${head.sequence} events, the last with sha256 ${head.sha256}`);
  }
  return fault === null ? 0 : 1;
};
