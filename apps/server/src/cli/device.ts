// `attune device`: the devices of a fleet, and the end of one's membership.

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

const options = { fleet: { type: "string" } } as const;

export const deviceCommand: Command = {
  name: "device",
  usage: `Usage: attune device list [--fleet NAME] [options]
       attune device revoke DEVICE [options]

Revoking refuses the device's polls and reports from now on and drops its live connection. It cannot be undone: the device
enrols again with a new key.

${serverOptionsHelp}

Examples:
  attune device list --fleet home
  attune device revoke 0123456789abcdef0123456789abcdef`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("device", argv, options);
    const [, device] = positionals;
    return chooseAction("device", positionals, {
      list: async () => {
        const filter = values.fleet === undefined ? {} : { fleet: values.fleet };
        const devices = await askServer(await accessOf(values), (client) => client.device.list.query(filter));
        if (io.json) io.stdout(JSON.stringify({ devices }));
        else {
          const rows = devices.map((row) => ({
            device: row.id,
            fleet: row.fleet,
            kind: row.deviceKind,
            release: row.releaseSequence,
            state: row.revokedAt === null ? row.state : "revoked",
            reason: row.reason,
            seen: row.lastSeenAt,
          }));
          for (const line of renderTable(rows)) io.stdout(line);
        }
        return 0;
      },
      "revoke DEVICE": async () => {
        const wanted = required(device, "DEVICE", "the device's 32 hexadecimal digits");
        const result = await askServer(await accessOf(values), (client) =>
          client.device.revoke.mutate({ device: wanted }),
        );
        const when = result.dropped ? "its connection is dropped" : "its connection is dropped once the broker is back";
        io.stdout(io.json ? JSON.stringify(result) : `device ${wanted} is revoked; ${when}`);
        return 0;
      },
    });
  },
};
