// `attune fleet`: the fleets of a server.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { fleetCreate, fleetList } from "./declarations/fleet.js";

export const createFleet: Body<typeof fleetCreate, CommandIo> = async ({ values, arguments: [name] }, io) => {
  const fleet = await askServer(await accessOf(values), (client) => client.fleet.create.mutate({ name }));
  io.stdout(io.json ? JSON.stringify(fleet) : `fleet ${fleet.name}`);
};

export const listFleets: Body<typeof fleetList, CommandIo> = async ({ values }, io) => {
  const fleets = await askServer(await accessOf(values), (client) => client.fleet.list.query());
  if (io.json) {
    io.stdout(JSON.stringify({ fleets }));
    return;
  }
  const rows = fleets.map((fleet) => ({ fleet: fleet.name, devices: fleet.devices, created: fleet.createdAt }));
  for (const line of tableLines(rows)) io.stdout(line);
};
