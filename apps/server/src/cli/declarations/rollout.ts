// Declares the commands of rollouts.

import { declare } from "@attune/platform/cli/declaration";
import { parseDuration } from "@attune/platform/cli/values";
import { changeOptions, parseTag, sequence, serverOptions } from "./fleet.js";

export const rollout = declare({
  name: "rollout",
  summary: "Roll a release out to a fleet, at once or in groups, and follow, hold or end it",
  details: [
    "create makes a release the target of a whole fleet at once. plan and apply roll it out in groups, and stop by themselves.",
    "Devices never return to an older release. Publish the older content under a new version instead.",
  ],
  sections: [
    {
      title: "Exit codes of watch",
      items: [
        ["0", "the rollout is completed"],
        ["1", "it was stopped, aborted or superseded"],
        ["3", "it is paused, by hand, by failures or because a group is inconclusive"],
        ["7", "the watch took longer than --timeout"],
      ],
    },
  ],
  examples: [
    "attune rollout create --fleet home --release 3",
    "attune rollout plan --fleet home --release 4 --fallback 5 --groups 12,25%",
    "attune rollout watch --fleet home --until paused --timeout 7d",
  ],
});

export const rolloutCreate = declare({
  name: "create",
  summary: "Make a release the target of a fleet",
  options: {
    fleet: { value: "NAME", meaning: "the fleet's name", required: true },
    release: {
      value: "SEQUENCE",
      meaning: "the release's number, as attune publish prints it",
      required: true,
      whole: sequence,
    },
    ...changeOptions,
  },
  examples: ["attune rollout create --fleet home --release 3"],
});

const whichRollout = {
  fleet: { value: "NAME", meaning: "the latest rollout of this fleet" },
  rollout: { value: "ID", meaning: "this rollout, as attune rollout create prints it" },
} as const;

function parseGroups(text: string): ({ devices: number } | { percent: number })[] {
  return text.split(",").map((size) => {
    const [, number = "", unit] = /^(\d{1,6}(?:\.\d{1,3})?)(%?)$/.exec(size) ?? [];
    const value = Number(number);
    const isShare = unit === "%" && value > 0 && value <= 100;
    if (isShare) return { percent: value };
    if (unit === "" && Number.isInteger(value) && value > 0) return { devices: value };
    throw new SyntaxError("is not a list of numbers of devices and shares, such as 12,10%,50%");
  });
}

const percent = (from: number, to: number) => ({ value: "PERCENT", whole: { from, to } }) as const;

export const rolloutPlan = declare({
  name: "plan",
  summary: "Show who gets a release in which group, who is left out and why, and the bytes that it takes",
  details: [
    "The rollout starts with attune rollout apply, exactly as shown, and only while the fleet is as it was.",
    "A group advances when enough devices have answered and few enough have failed.",
    "The verdicts of all groups stop the rollout when it makes too many people worse off.",
  ],
  options: {
    fleet: { value: "NAME", meaning: "the fleet's name", required: true },
    release: { value: "SEQUENCE", meaning: "the release's number", required: true, whole: sequence },
    fallback: {
      value: "SEQUENCE",
      meaning: "a later release with the earlier content, which a stop reverts to",
      required: true,
      whole: sequence,
    },
    groups: {
      value: "SIZES",
      meaning: "the sizes of the groups, such as 12,10%,50%; the rest makes a last group (default: one group)",
      parse: parseGroups,
    },
    kind: {
      value: "KIND",
      meaning: "only devices of this kind",
      multiple: true,
      choices: ["jetson", "linux", "phone"],
    },
    engine: {
      value: "ENGINE",
      meaning: "only devices with this engine",
      multiple: true,
      choices: ["reference", "wasm", "native"],
    },
    memory: { value: "MIB", meaning: "only devices with at least this memory", whole: { from: 0, to: 1_048_576 } },
    tag: {
      value: "TAG",
      meaning: "only devices with this tag; repeat the option for more",
      multiple: true,
      parse: parseTag,
    },
    running: {
      value: "SEQUENCE",
      meaning: "only devices that run this release; 0 for none",
      multiple: true,
      whole: { from: 0, to: 65_535 },
    },
    "seen-within": { value: "DURATION", meaning: "only devices that polled within this time", parse: parseDuration },
    intake: { meaning: "let devices that enrol later join the last group" },
    failures: { ...percent(0, 100), meaning: "the largest share of failures in a group, from 5 on", default: "20" },
    answers: { ...percent(0, 100), meaning: "the smallest share of a group that has to answer", default: "60" },
    worse: { ...percent(1, 99), meaning: "the largest share of people that may be worse off", default: "20" },
    deadline: {
      value: "DURATION",
      meaning: "the time for a group and for a device to answer",
      default: "9d",
      parse: parseDuration,
    },
    ...serverOptions,
  },
  examples: [
    "attune rollout plan --fleet home --release 4 --fallback 5 --groups 12,25%",
    "attune rollout plan --fleet home --release 4 --fallback 5 --kind jetson --memory 4096 --json",
  ],
});

export const rolloutApply = declare({
  name: "apply",
  summary: "Start a planned rollout",
  details: ["The server refuses a plan whose fleet has changed. Applying a plan again changes nothing."],
  options: {
    plan: { value: "HASH", meaning: "the plan's hash, as attune rollout plan prints it", required: true },
    ...changeOptions,
  },
  examples: ["attune rollout apply --plan 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"],
});

export const rolloutStatus = declare({
  name: "status",
  summary: "Show how many devices run a release, the state of each group, and of each device",
  options: { ...whichRollout, ...serverOptions },
  examples: ["attune rollout status --fleet home"],
});

export const rolloutWatch = declare({
  name: "watch",
  summary: "Follow a rollout until it ends or pauses",
  details: ["The watch continues through restarts of the server. attune rollout --help lists its exit codes."],
  options: {
    until: {
      value: "STATE",
      meaning: "done waits for the rollout's end, paused for a pause as well",
      default: "done",
      choices: ["done", "paused"],
    },
    timeout: { value: "DURATION", meaning: "the longest time to watch", default: "30d", parse: parseDuration },
    ...whichRollout,
    ...serverOptions,
  },
  examples: ["attune rollout watch --fleet home --until paused --timeout 7d --json"],
});

export const rolloutPause = declare({
  name: "pause",
  summary: "Hold the devices that were not offered the release yet",
  options: { ...whichRollout, ...changeOptions },
  examples: ["attune rollout pause --fleet home"],
});

export const rolloutResume = declare({
  name: "resume",
  summary: "Continue a paused rollout, and judge its failed groups again",
  details: ["Failures until now are accepted. They stay recorded, and only new failures pause the rollout again."],
  options: { ...whichRollout, ...changeOptions },
  examples: ["attune rollout resume --fleet home"],
});

export const rolloutAbort = declare({
  name: "abort",
  summary: "End a rollout; devices that were offered the release keep it, or go back",
  options: {
    revert: { meaning: "give these devices the fallback, which has the earlier content" },
    ...whichRollout,
    ...changeOptions,
  },
  examples: ["attune rollout abort --fleet home --revert"],
});
