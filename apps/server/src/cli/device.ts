// `attune device`: the inventory, tags, timelines, and the end of a membership.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { deviceDecommission, deviceList, deviceRevoke, deviceTag, deviceTimeline } from "./declarations/fleet.js";

export const listDevices: Body<typeof deviceList, CommandIo> = async ({ values }, io) => {
  const { fleet, kind, tag, engine, memory, release, health, decommissioned } = values;
  const filter = { fleet, kind, tag, engine, memory, release, health, decommissioned };
  const devices = await askServer(await accessOf(values), (client) => client.device.list.query(filter));
  if (io.json) {
    io.stdout(JSON.stringify({ devices }));
    return;
  }
  const rows = devices.map((row) => ({
    device: row.id,
    fleet: row.fleet,
    kind: row.deviceKind,
    tags: row.tags.join(",") || null,
    release: row.releaseSequence,
    state: row.revokedAt === null ? row.state : "revoked",
    health: [row.health, row.copies ? "copies" : null].filter((word) => word !== null).join(",") || null,
    seen: row.lastSeenAt,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const tagDevice: Body<typeof deviceTag, CommandIo> = async ({ values, arguments: [device, add] }, io) => {
  const change = { device, add: [...add], remove: [...values.remove] };
  const result = await askServer(await accessOf(values), (client) => client.device.tag.mutate(change));
  io.stdout(io.json ? JSON.stringify(result) : `device ${device}: ${result.tags.join(", ") || "no tags"}`);
};

export const showTimeline: Body<typeof deviceTimeline, CommandIo> = async ({ values, arguments: [device] }, io) => {
  const query = { device, limit: values.limit };
  const timeline = await askServer(await accessOf(values), (client) => client.device.timeline.query(query));
  if (io.json) io.stdout(JSON.stringify(timeline));
  else for (const line of tableLines(timeline.entries)) io.stdout(line);
};

export const revokeDevice: Body<typeof deviceRevoke, CommandIo> = async ({ values, arguments: [device] }, io) => {
  const result = await askServer(await accessOf(values), (client) => client.device.revoke.mutate({ device }));
  io.stdout(io.json ? JSON.stringify(result) : `device ${device} is revoked; ${whenDropped(result)}`);
};

export const decommissionDevice: Body<typeof deviceDecommission, CommandIo> = async (input, io) => {
  const { values, arguments: words } = input;
  const [device] = words;
  const result = await askServer(await accessOf(values), (client) => client.device.decommission.mutate({ device }));
  io.stdout(io.json ? JSON.stringify(result) : `device ${device} is decommissioned; ${whenDropped(result)}`);
};

function whenDropped({ dropped }: { readonly dropped: boolean }): string {
  return dropped ? "its connection is dropped" : "its connection is dropped once the broker is back";
}
