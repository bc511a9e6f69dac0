// Rollouts: the release that a fleet should run, and the number of its devices that run it.

import { verdictSchema } from "@attune/shared/contracts/current-state";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { countStandings, countVerdicts, type DeviceSnapshot, polledStates, standing } from "./rollout.plan.js";
import type { RolloutRepository } from "./rollout.repository.js";

const polledStateSchema = z.enum(polledStates);

export type RolloutService = ReturnType<typeof createRolloutService>;

export function createRolloutService({ repository, now }: { repository: RolloutRepository; now: () => number }) {
  async function create({ fleet, releaseSequence }: { fleet: string; releaseSequence: number }) {
    const rollout = await repository.start({ fleet, releaseSequence, at: new Date(now()) });
    return describe(rollout);
  }

  /** The state of the named rollout, or of the fleet's latest. */
  async function status({ rollout: id, fleet }: { rollout?: string | undefined; fleet?: string | undefined }) {
    const rollout =
      id !== undefined ? await repository.find(id) : fleet !== undefined ? await repository.latest(fleet) : null;
    if (rollout === null) {
      throw new AppError(
        "NOT_FOUND",
        id === undefined ? `fleet "${fleet}" has no rollout` : `there is no rollout ${id}`,
      );
    }
    const verdicts = await repository.verdictsOn(rollout);
    const devices = (await repository.devicesOf(rollout.fleetName)).map(({ revokedAt, state, ...device }) => ({
      ...device,
      revoked: revokedAt !== null,
      state: polledStateSchema.parse(state),
      verdict: verdictSchema.optional().parse(verdicts.get(device.id)),
    })) satisfies DeviceSnapshot[];
    const present = devices.filter((device) => !device.revoked);
    return {
      ...describe(rollout),
      counts: countStandings(rollout, devices),
      verdicts: countVerdicts(devices),
      devices: present.map((device) => ({
        device: device.id,
        releaseSequence: device.releaseSequence,
        state: device.state,
        reason: device.reason,
        standing: standing(rollout, device),
      })),
    };
  }

  return { create, status };
}

function describe(rollout: {
  id: string;
  fleetName: string;
  releaseSequence: number;
  status: string;
  createdAt: Date;
}) {
  const { id, fleetName, releaseSequence, status, createdAt } = rollout;
  return { rollout: id, fleet: fleetName, releaseSequence, status, createdAt: createdAt.toISOString() };
}
