// `attune rollout`: plans and starts rollouts, holds and ends them, and shows their progress.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { AppError } from "@attune/shared/errors";
import { askServer, type FleetClient } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type {
  rolloutAbort,
  rolloutApply,
  rolloutCreate,
  rolloutPause,
  rolloutPlan,
  rolloutResume,
  rolloutStatus,
} from "./declarations/rollout.js";

export const createRollout: Body<typeof rolloutCreate, CommandIo> = async ({ values }, io) => {
  const { fleet, release: releaseSequence } = values;
  const rollout = await askServer(await accessOf(values), (client) =>
    client.rollout.create.mutate({ fleet, releaseSequence }),
  );
  io.stdout(io.json ? JSON.stringify(rollout) : `rollout ${rollout.rollout}: release ${releaseSequence} to ${fleet}`);
};

export const planRollout: Body<typeof rolloutPlan, CommandIo> = async ({ values }, io) => {
  const seenWithinMs = values["seen-within"];
  const request = {
    releaseSequence: values.release,
    fallbackSequence: values.fallback,
    groups: values.groups ?? [],
    select: {
      ...(values.kind.length > 0 && { kinds: [...values.kind] }),
      ...(values.engine.length > 0 && { engines: [...values.engine] }),
      ...(values.memory !== undefined && { minMemory: values.memory }),
      ...(values.tag.length > 0 && { tags: [...values.tag] }),
      ...(values.running.length > 0 && { running: [...values.running] }),
      ...(seenWithinMs !== undefined && { seenSince: new Date(Date.now() - seenWithinMs).toISOString() }),
    },
    intake: values.intake,
    policy: {
      failureLimit: values.failures / 100,
      completeness: values.answers / 100,
      deadlineMs: values.deadline,
      harmBound: values.worse / 100,
    },
  };
  const preview = await askServer(await accessOf(values), (client) =>
    client.rollout.plan.mutate({ fleet: values.fleet, request }),
  );
  if (io.json) {
    io.stdout(JSON.stringify(preview));
    return;
  }
  const { plan, fleet, releaseSequence, fallback, fallbackContentOf, devices, bytes, groups, excluded } = preview;
  io.stdout(`release ${releaseSequence} to ${devices} devices of ${fleet}, at most ${bytes} bytes in all`);
  io.stdout(`a stop reverts to release ${fallback}, which has the content of release ${fallbackContentOf}`);
  const rows = groups.map((group, index) => ({ group: index + 1, devices: group.devices.length, bytes: group.bytes }));
  for (const line of tableLines(rows)) io.stdout(line);
  const reasons = new Map<string, number>();
  for (const { reason } of excluded) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  if (reasons.size > 0) io.stdout(`left out: ${[...reasons].map(([reason, n]) => `${n} ${reason}`).join(", ")}`);
  for (const warning of preview.warnings) io.stdout(`warning: ${warning}`);
  io.stdout(`start it with: attune rollout apply --plan ${plan}`);
};

export const applyPlan: Body<typeof rolloutApply, CommandIo> = async ({ values }, io) => {
  const rollout = await askServer(await accessOf(values), (client) =>
    client.rollout.start.mutate({ plan: values.plan }),
  );
  const { rollout: id, releaseSequence, fleet } = rollout;
  io.stdout(io.json ? JSON.stringify(rollout) : `rollout ${id}: release ${releaseSequence} to ${fleet}`);
};

export const showRollout: Body<typeof rolloutStatus, CommandIo> = async ({ values }, io) => {
  const which = whichRollout(values);
  const status = await askServer(await accessOf(values), (client) => client.rollout.status.query(which));
  if (io.json) {
    io.stdout(JSON.stringify(status));
    return;
  }
  const { committed, underway, waiting, rejected, failed, devices } = status.counts;
  io.stdout(
    `release ${status.releaseSequence} to ${status.fleet}: ${committed} of ${devices} devices run it, ${status.status}`,
  );
  io.stdout(`${underway} on the way, ${waiting} waiting, ${rejected} rejected it, ${failed} failed`);
  const { better, same, worse, tooLittle } = status.verdicts;
  io.stdout(`verdicts: ${better} better, ${same} the same, ${worse} worse, ${tooLittle} on too few labels`);
  io.stdout(harmInWords(status.harm));
  for (const line of tableLines(status.groups.map(groupRow))) io.stdout(line);
  for (const { group, missing } of status.groups) {
    if (missing.length > 0) io.stdout(`group ${group + 1} misses ${missing.join(", ")}`);
  }
  const rows = status.devices.map(({ device, releaseSequence: release, group, assignment, ...rest }) => ({
    ...{ device, release },
    ...rest,
    group: group === null ? null : group + 1,
    rollout: assignment,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

type Status = Awaited<ReturnType<FleetClient["rollout"]["status"]["query"]>>;

function groupRow({ group, state, devices, counts, deadlineAt }: Status["groups"][number]) {
  const count = (name: string) => counts[name] ?? 0;
  const decided = ["succeeded", "failed", "timedOut"].map((name) => [name, count(name)] as const);
  const rest = devices - decided.reduce((sum, [, n]) => sum + n, 0);
  return { group: group + 1, state, devices, ...Object.fromEntries(decided), others: rest, deadline: deadlineAt };
}

function harmInWords({ bound, verdicts, worse, evidence, stopsAt, shownHarmless }: Status["harm"]): string {
  if (shownHarmless) return `shown harmless: fewer than ${100 * bound}% are worse off, by ${verdicts} verdicts`;
  return `evidence that more than ${100 * bound}% are worse off: ${evidence.toPrecision(3)} of ${stopsAt}, by ${worse} of ${verdicts} counted verdicts`;
}

export const pauseRollout: Body<typeof rolloutPause, CommandIo> = ({ values }, io) =>
  change(values, io, (client, which) => client.rollout.pause.mutate(which));

export const resumeRollout: Body<typeof rolloutResume, CommandIo> = ({ values }, io) =>
  change(values, io, (client, which) => client.rollout.resume.mutate(which));

export const abortRollout: Body<typeof rolloutAbort, CommandIo> = ({ values }, io) =>
  change(values, io, (client, which) => client.rollout.abort.mutate({ which, reverts: values.revert }));

type Which = { readonly rollout: string } | { readonly fleet: string };
type WhichValues = Parameters<typeof accessOf>[0] & Parameters<typeof whichRollout>[0];

async function change(
  values: WhichValues,
  io: CommandIo,
  ask: (client: FleetClient, which: Which) => Promise<{ readonly rollout: string; readonly status: string }>,
): Promise<void> {
  const which = whichRollout(values);
  const changed = await askServer(await accessOf(values), (client) => ask(client, which));
  io.stdout(io.json ? JSON.stringify(changed) : `rollout ${changed.rollout} is ${changed.status}`);
}

/** Throws INVALID_INPUT where neither is named. */
export function whichRollout({
  rollout,
  fleet,
}: {
  readonly rollout?: string | undefined;
  readonly fleet?: string | undefined;
}): Which {
  if (rollout !== undefined) return { rollout };
  if (fleet !== undefined) return { fleet };
  throw new AppError("INVALID_INPUT", "--fleet is missing: the fleet's name, or --rollout ID");
}
