// Rollouts: the release that a fleet should run, and the number of its devices that run it.

import { randomUUID } from "node:crypto";
import { type Verdict, verdictSchema } from "@attune/shared/contracts/current-state";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Author } from "../callers/roles.js";
import type { Rollout } from "../generated/prisma/client.js";
import type { RolloutRequest } from "./draft.plan.js";
import { harmTest } from "./harm-test.js";
import { harmOdds, isUnderway, planResume, type Snapshot, type Step } from "./rollout.plan.js";
import type { GroupRow, RolloutRepository } from "./rollout.repository.js";
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
import type { RolloutPlanRepository, RolloutPreview } from "./rollout-plan.repository.js";
import type { RolloutStepsRepository } from "./rollout-steps.repository.js";

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
  status(of: WhichRollout): Promise<RolloutStatus>;
  /** Drafts and stores a staged rollout. Throws as the repository does. */
  plan(input: { readonly fleet: string; readonly request: RolloutRequest }): Promise<RolloutPreview>;
  /** Starts a planned rollout, exactly as it was drafted. A second call answers the same rollout. */
  apply(hash: string, by: Author): Promise<RolloutSummary>;
  /** Holds the devices that were offered nothing. A pause of a paused rollout changes nothing. Throws CONFLICT. */
  pause(of: WhichRollout, by: Author): Promise<RolloutSummary>;
  /** Judges the failed groups again, by new failures alone. Throws CONFLICT. */
  resume(of: WhichRollout, by: Author): Promise<RolloutSummary>;
  /** Ends the rollout. Devices that were offered the release keep it, or go to its fallback. Throws CONFLICT. */
  abort(of: WhichRollout & { readonly reverts: boolean }, by: Author): Promise<RolloutSummary>;
}

interface WhichRollout {
  readonly rollout?: string | undefined;
  readonly fleet?: string | undefined;
}

interface RolloutServiceDeps {
  readonly repository: RolloutRepository;
  readonly plans: RolloutPlanRepository;
  readonly steps: Pick<RolloutStepsRepository, "advance">;
  readonly now: () => number;
}

export function createRolloutService({ repository, plans, steps, now }: RolloutServiceDeps): RolloutService {
  const create: RolloutService["create"] = async ({ fleet, releaseSequence }, by) =>
    describe(await repository.start({ fleet, releaseSequence, at: new Date(now()), by }));

  async function find({ rollout: id, fleet }: WhichRollout): Promise<Rollout> {
    const rollout =
      id !== undefined ? await repository.find(id) : fleet !== undefined ? await repository.latest(fleet) : null;
    if (rollout !== null) return rollout;
    throw new AppError("NOT_FOUND", id === undefined ? `fleet "${fleet}" has no rollout` : `there is no rollout ${id}`);
  }

  /** Takes a fleet manager's decision about a rollout that is under way. */
  async function decide(
    of: WhichRollout,
    by: Author,
    planned: (snapshot: Snapshot) => readonly Step[],
  ): Promise<RolloutSummary> {
    const { id } = await find(of);
    await steps.advance(id, {
      by,
      nowMs: now(),
      decide(snapshot) {
        if (isUnderway(snapshot.status)) return planned(snapshot);
        throw new AppError("CONFLICT", `rollout ${id} is ${snapshot.status} already`);
      },
    });
    return describe(await find({ rollout: id }));
  }

  const status: RolloutService["status"] = async (of) => {
    const rollout = await find(of);
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
      groups: (await repository.groupsOf(rollout.id)).map((group) => describeGroup(group, devices)),
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

  return {
    create,
    status,
    plan: ({ fleet, request }) => plans.plan({ rollout: randomUUID(), fleet, request, at: new Date(now()) }),
    apply: async (hash, by) => describe(await plans.apply(hash, { at: new Date(now()), by })),
    pause: (of, by) =>
      decide(of, by, ({ status }) => (status === "paused" ? [] : [{ kind: "rollout", status: "paused" }])),
    resume: (of, by) => decide(of, by, planResume),

    async abort({ reverts, ...of }, by) {
      const { id, fallbackSequence } = await find(of);
      if (reverts && fallbackSequence === null) {
        throw new AppError("CONFLICT", `rollout ${id} has no fallback; abort it without going back`);
      }
      const end: Step = { kind: "rollout", status: "aborted", ...(reverts && { reverts }) };
      return decide({ rollout: id }, by, () => [end]);
    },
  };
}

function describe({ id, fleetName, releaseSequence, status, createdAt }: Rollout): RolloutSummary {
  return { rollout: id, fleet: fleetName, releaseSequence, status, createdAt: createdAt.toISOString() };
}

function describeGroup(
  { index, deadlineAt, ...group }: GroupRow,
  devices: readonly { readonly id: string; readonly group: number | null; readonly assignment: string | null }[],
): RolloutGroupStatus {
  const isMissing = ({ group: own, assignment }: (typeof devices)[number]) => own === index && assignment === "open";
  const missing = group.state === "inconclusive" ? devices.filter(isMissing).map(({ id }) => id) : [];
  return { ...group, group: index, deadlineAt: deadlineAt?.toISOString() ?? null, missing };
}

function describeHarm({ harmBound: bound, harmVerdicts: verdicts, harmWorse: worse }: Rollout): RolloutHarm {
  const { evidence, shownHarmless } = harmTest({ worse, verdicts, bound, ...harmOdds });
  return { bound, verdicts, worse, evidence, stopsAt: 1 / harmOdds.alpha, shownHarmless };
}
