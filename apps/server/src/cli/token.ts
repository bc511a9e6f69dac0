// `attune token`: hands out one-time enrolment tokens.

import { askServer } from "./client/fleet-client.js";
import type { Command } from "./command.js";
import {
  accessOf,
  chooseAction,
  parseDuration,
  parseFlags,
  required,
  serverOptions,
  serverOptionsHelp,
} from "./command-line.js";

const options = { fleet: { type: "string" }, ttl: { type: "string" } } as const;

export const tokenCommand: Command = {
  name: "token",
  usage: `Usage: attune token create --fleet NAME [--ttl 1h] [options]

Prints a token that enrols one device, once. The server keeps only its hash: it cannot be shown again.

  --fleet NAME             the fleet that the device joins
  --ttl DURATION           how long it may be used: 90s, 15m, 1h, 7d (default: 1h; at most 30d)
${serverOptionsHelp}

Examples:
  attune token create --fleet home
  attune token create --fleet home --ttl 15m --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("token", argv, options);
    return chooseAction("token", positionals, {
      create: async () => {
        const fleet = required(values.fleet, "--fleet", "the fleet that the device joins");
        const ttlMs = parseDuration(values.ttl ?? "1h", "--ttl");
        const token = await askServer(await accessOf(values), (client) => client.token.create.mutate({ fleet, ttlMs }));
        io.stdout(io.json ? JSON.stringify(token) : token.token);
        if (!io.json) io.stderr(`enrols one device into ${fleet} until ${token.expiresAt}\n`);
        return 0;
      },
    });
  },
};
