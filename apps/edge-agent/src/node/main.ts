// Entry of the `attune-agent` command.

import { z } from "zod";
import { runCli } from "./cli/cli.js";

// Parsers compiled for schemas that are used a few times a minute would cost half of a start's parsing, and need `new Function`.
z.config({ jitless: true });

// Whatever is written, by LevelDB too, is for its owner alone.
process.umask(0o077);

// A reader that has seen enough (`| head`) is no defect.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  stdin: process.stdin,
});
