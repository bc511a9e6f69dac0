// `attune rollout`: chooses the release that a fleet should run, and shows its progress.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { AppError } from "@attune/shared/errors";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { rolloutCreate, rolloutStatus } from "./declarations/fleet.js";

export const createRollout: Body<typeof rolloutCreate, CommandIo> = async ({ values }, io) => {
  const { fleet, release: releaseSequence } = values;
  const rollout = await askServer(await accessOf(values), (client) =>
    client.rollout.create.mutate({ fleet, releaseSequence }),
  );
  io.stdout(io.json ? JSON.stringify(rollout) : `rollout ${rollout.rollout}: release ${releaseSequence} to ${fleet}`);
};

export const showRollout: Body<typeof rolloutStatus, CommandIo> = async ({ values }, io) => {
  const { fleet, rollout } = values;
  const which = rollout !== undefined ? { rollout } : fleet !== undefined ? { fleet } : undefined;
  if (which === undefined) {
    throw new AppError("INVALID_INPUT", "--fleet is missing: the fleet's name, or --rollout ID");
  }
  const status = await askServer(await accessOf(values), (client) => client.rollout.status.query(which));
  if (io.json) {
    io.stdout(JSON.stringify(status));
    return;
  }
  const { committed, underway, waiting, rejected, failed, devices } = status.counts;
  io.stdout(`release ${status.releaseSequence} to ${status.fleet}: ${committed} of ${devices} devices run it`);
  io.stdout(`${underway} on the way, ${waiting} waiting, ${rejected} rejected it, ${failed} failed`);
  const { better, same, worse, tooLittle } = status.verdicts;
  io.stdout(`verdicts: ${better} better, ${same} the same, ${worse} worse, ${tooLittle} on too few labels`);
  const rows = status.devices.map(({ device, releaseSequence: release, ...rest }) => ({ device, release, ...rest }));
  for (const line of tableLines(rows)) io.stdout(line);
};
