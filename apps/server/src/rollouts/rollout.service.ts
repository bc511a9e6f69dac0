// Rollouts: the release that a fleet should run, and the number of its devices that run it.

import { type Verdict, verdictSchema } from "@attune/shared/contracts/current-state";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Author } from "../callers/roles.js";
import type { Rollout } from "../generated/prisma/client.js";
import { harmTest } from "./harm-test.js";
import { harmOdds } from "./rollout.plan.js";
import type { RolloutRepository } from "./rollout.repository.js";
import {
  countStandings,
  countVerdicts,
  type DeviceSnapshot,
  type PolledState,
  polledStates,
  type RolloutCounts,
  type RolloutStanding,
  standing,
} from "./rollout.standing.js";

const polledStateSchema = z.enum(polledStates);

export interface RolloutSummary {
  readonly rollout: string;
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly status: string;
  readonly createdAt: string;
}

export interface RolloutStatus extends RolloutSummary {
  /** The release that a stop reverts to; null where a stop only holds devices. */
  readonly fallback: number | null;
  readonly endedAt: string | null;
  readonly groups: readonly RolloutGroupStatus[];
  readonly harm: RolloutHarm;
  readonly counts: RolloutCounts;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly devices: readonly {
    readonly device: string;
    readonly releaseSequence: number;
    readonly state: PolledState;
    readonly reason: string;
    readonly standing: RolloutStanding;
    /** Null for a device that has not joined the rollout yet. */
    readonly group: number | null;
    readonly assignment: string | null;
  }[];
}

interface RolloutGroupStatus {
  readonly group: number;
  readonly state: string;
  readonly deadlineAt: string | null;
  readonly devices: number;
  /** The group's devices by the states of their assignments; the sum is the number of its devices. */
  readonly counts: Readonly<Record<string, number>>;
  /** The devices that have not answered, where the group is inconclusive. */
  readonly missing: readonly string[];
}

/** The test for harm, over the verdicts that it has counted. */
interface RolloutHarm {
  readonly bound: number;
  readonly verdicts: number;
  readonly worse: number;
  readonly evidence: number;
  /** The rollout stops at this evidence. */
  readonly stopsAt: number;
  readonly shownHarmless: boolean;
}

export interface RolloutService {
  create(input: { readonly fleet: string; readonly releaseSequence: number }, by: Author): Promise<RolloutSummary>;
  /** The state of the named rollout, or of the fleet's latest. Throws NOT_FOUND. */
  status(of: { readonly rollout?: string | undefined; readonly fleet?: string | undefined }): Promise<RolloutStatus>;
}

interface RolloutServiceDeps {
  readonly repository: RolloutRepository;
  readonly now: () => number;
}

export function createRolloutService({ repository, now }: RolloutServiceDeps): RolloutService {
  const create: RolloutService["create"] = async ({ fleet, releaseSequence }, by) =>
    describe(await repository.start({ fleet, releaseSequence, at: new Date(now()), by }));

  const status: RolloutService["status"] = async ({ rollout: id, fleet }) => {
    const rollout =
      id !== undefined ? await repository.find(id) : fleet !== undefined ? await repository.latest(fleet) : null;
    if (rollout === null) {
      throw new AppError(
        "NOT_FOUND",
        id === undefined ? `fleet "${fleet}" has no rollout` : `there is no rollout ${id}`,
      );
    }
    const verdicts = await repository.verdictsOn(rollout);
    const devices = (await repository.devicesOf(rollout)).map(({ revokedAt, state, ...device }) => ({
      ...device,
      revoked: revokedAt !== null,
      state: polledStateSchema.parse(state),
      verdict: verdictSchema.optional().parse(verdicts.get(device.id)),
    })) satisfies DeviceSnapshot[];
    const present = devices.filter((device) => !device.revoked);
    return {
      ...describe(rollout),
      fallback: rollout.fallbackSequence,
      endedAt: rollout.endedAt?.toISOString() ?? null,
      groups: (await repository.groupsOf(rollout.id)).map(({ index, deadlineAt, ...group }) => ({
        ...group,
        group: index,
        deadlineAt: deadlineAt?.toISOString() ?? null,
        missing: devices
          .filter((one) => group.state === "inconclusive" && one.group === index && one.assignment === "open")
          .map(({ id }) => id),
      })),
      harm: describeHarm(rollout),
      counts: countStandings(rollout, devices),
      verdicts: countVerdicts(devices),
      devices: present.map((device) => ({
        device: device.id,
        releaseSequence: device.releaseSequence,
        state: device.state,
        reason: device.reason,
        standing: standing(rollout, device),
        group: device.group,
        assignment: device.assignment,
      })),
    };
  };

  return { create, status };
}

function describe({ id, fleetName, releaseSequence, status, createdAt }: Rollout): RolloutSummary {
  return { rollout: id, fleet: fleetName, releaseSequence, status, createdAt: createdAt.toISOString() };
}

function describeHarm({ harmBound: bound, harmVerdicts: verdicts, harmWorse: worse }: Rollout): RolloutHarm {
  const { evidence, shownHarmless } = harmTest({ worse, verdicts, bound, ...harmOdds });
  return { bound, verdicts, worse, evidence, stopsAt: 1 / harmOdds.alpha, shownHarmless };
}
