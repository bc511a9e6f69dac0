// `attune device`: lists the devices of a fleet, and revokes a device.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { deviceList, deviceRevoke } from "./declarations/fleet.js";

export const listDevices: Body<typeof deviceList, CommandIo> = async ({ values }, io) => {
  const filter = values.fleet === undefined ? {} : { fleet: values.fleet };
  const devices = await askServer(await accessOf(values), (client) => client.device.list.query(filter));
  if (io.json) {
    io.stdout(JSON.stringify({ devices }));
    return;
  }
  const rows = devices.map((row) => ({
    device: row.id,
    fleet: row.fleet,
    kind: row.deviceKind,
    release: row.releaseSequence,
    state: row.revokedAt === null ? row.state : "revoked",
    reason: row.reason,
    seen: row.lastSeenAt,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const revokeDevice: Body<typeof deviceRevoke, CommandIo> = async ({ values, arguments: [device] }, io) => {
  const result = await askServer(await accessOf(values), (client) => client.device.revoke.mutate({ device }));
  const when = result.dropped ? "its connection is dropped" : "its connection is dropped once the broker is back";
  io.stdout(io.json ? JSON.stringify(result) : `device ${device} is revoked; ${when}`);
};
