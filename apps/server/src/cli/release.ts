// `attune release`: what is published.

import { askServer } from "./client/fleet-client.js";
import type { Command, CommandIo } from "./command.js";
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

const options = {} as const;

export const releaseCommand: Command = {
  name: "release",
  usage: `Usage: attune release list [options]
       attune release show SEQUENCE [options]

${serverOptionsHelp}

Examples:
  attune release list
  attune release show 3 --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("release", argv, options);
    const [, sequence] = positionals;
    return chooseAction("release", positionals, {
      list: async () => list(await accessOf(values), io),
      "show SEQUENCE": async () => {
        const wanted = parseCount(required(sequence, "SEQUENCE", "the number of the release"), "SEQUENCE", 65_535);
        const release = await askServer(await accessOf(values), (client) =>
          client.release.get.query({ sequence: wanted }),
        );
        io.stdout(JSON.stringify(release, null, io.json ? 0 : 2));
        return 0;
      },
    });
  },
};

async function list(access: Awaited<ReturnType<typeof accessOf>>, io: CommandIo): Promise<number> {
  const releases = await askServer(access, (client) => client.release.list.query());
  if (io.json) io.stdout(JSON.stringify({ releases }));
  else {
    const rows = releases.map(({ sequence, model, modelVersion, sizeBytes, issuedAt, expiresAt }) => ({
      release: sequence,
      model,
      version: modelVersion,
      bytes: sizeBytes,
      issued: issuedAt,
      expires: expiresAt,
    }));
    for (const line of renderTable(rows)) io.stdout(line);
  }
  return 0;
}
