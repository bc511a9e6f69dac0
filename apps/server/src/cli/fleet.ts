// `attune fleet`: the fleets of a server.

import { askServer } from "./client/fleet-client.js";
import type { Command } from "./command.js";
import {
  accessOf,
  chooseAction,
  parseFlags,
  renderTable,
  required,
  serverOptions,
  serverOptionsHelp,
} from "./command-line.js";

const options = {} as const;

export const fleetCommand: Command = {
  name: "fleet",
  usage: `Usage: attune fleet create NAME [options]
       attune fleet list [options]

A name is a lower-case letter, then up to 31 lower-case letters, digits and dashes.

${serverOptionsHelp}

Examples:
  attune fleet create home
  attune fleet list --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("fleet", argv, options);
    const [, name] = positionals;
    return chooseAction("fleet", positionals, {
      "create NAME": async () => {
        const wanted = required(name, "NAME", "the fleet's name");
        const fleet = await askServer(await accessOf(values), (client) => client.fleet.create.mutate({ name: wanted }));
        io.stdout(io.json ? JSON.stringify(fleet) : `fleet ${fleet.name}`);
        return 0;
      },
      list: async () => {
        const fleets = await askServer(await accessOf(values), (client) => client.fleet.list.query());
        if (io.json) io.stdout(JSON.stringify({ fleets }));
        else {
          const rows = fleets.map((fleet) => ({ fleet: fleet.name, devices: fleet.devices, created: fleet.createdAt }));
          for (const line of renderTable(rows)) io.stdout(line);
        }
        return 0;
      },
    });
  },
};
