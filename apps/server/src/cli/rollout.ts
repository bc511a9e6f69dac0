// `attune rollout`: decides which release a fleet should run, and shows how far it has come.

import { askServer } from "./client/fleet-client.js";
import type { Command } from "./command.js";
import {
  accessOf,
  chooseAction,
  parseCount,
  parseFlags,
  renderTable,
  required,
  serverOptions,
  serverOptionsHelp,
} from "./command-line.js";

const options = {
  fleet: { type: "string" },
  release: { type: "string" },
  rollout: { type: "string" },
} as const;

export const rolloutCommand: Command = {
  name: "rollout",
  usage: `Usage: attune rollout create --fleet NAME --release SEQUENCE [options]
       attune rollout status (--fleet NAME | --rollout ID) [options]

A rollout makes a release the target of all devices of a fleet; it replaces the fleet's rollout before it. Devices never go
back to an older release: publish the older content under a new version instead.

${serverOptionsHelp}

Examples:
  attune rollout create --fleet home --release 3
  attune rollout status --fleet home --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("rollout", argv, options);
    return chooseAction("rollout", positionals, {
      create: async () => {
        const fleet = required(values.fleet, "--fleet", "the fleet's name");
        const releaseSequence = parseCount(
          required(values.release, "--release", "the release's number"),
          "--release",
          65_535,
        );
        const access = await accessOf(values);
        const rollout = await askServer(access, (client) => client.rollout.create.mutate({ fleet, releaseSequence }));
        io.stdout(
          io.json ? JSON.stringify(rollout) : `rollout ${rollout.rollout}: release ${releaseSequence} to ${fleet}`,
        );
        return 0;
      },
      status: async () => {
        const which =
          values.rollout === undefined
            ? { fleet: required(values.fleet, "--fleet", "the fleet's name, or --rollout ID") }
            : { rollout: values.rollout };
        const status = await askServer(await accessOf(values), (client) => client.rollout.status.query(which));
        if (io.json) io.stdout(JSON.stringify(status));
        else {
          const { committed, underway, waiting, rejected, failed, devices } = status.counts;
          io.stdout(`release ${status.releaseSequence} to ${status.fleet}: ${committed} of ${devices} devices run it`);
          io.stdout(`${underway} on the way, ${waiting} waiting, ${rejected} rejected it, ${failed} failed`);
          for (const line of renderTable(status.devices)) io.stdout(line);
        }
        return 0;
      },
    });
  },
};
