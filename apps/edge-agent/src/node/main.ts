// Entry of the `attune-agent` command.

import { standardStream } from "@attune/platform/standard-stream";
import { openOutput } from "@attune/shared/output";
import { z } from "zod";
import { runCli } from "./cli/cli.js";

// Schemas are used a few times a minute. Compiled parsers would cost half of a start's parsing,
// and need `new Function`.
z.config({ jitless: true });

// Every file, LevelDB's too, is for its owner alone.
process.umask(0o077);

const output = openOutput({ stdout: standardStream(process.stdout), stderr: standardStream(process.stderr) });
const code = await runCli(process.argv.slice(2), {
  stdout: (line) => output.stdout(`${line}\n`),
  stderr: output.stderr,
  isTty: process.stderr.isTTY === true,
  stdin: process.stdin,
});
process.exitCode = await output.settle(code);
