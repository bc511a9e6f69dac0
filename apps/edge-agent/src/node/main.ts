// Entry of the `attune-agent` command.

import { setFlagsFromString } from "node:v8";
import { runCli } from "./cli/cli.js";

// The young generation stays at its first size instead of growing to 3 x 16 MB: a daemon that waits most of the time
// pays for that with resident memory (119 MB instead of 92 with a 2.4 MB extractor) and gains no speed from it.
setFlagsFromString("--semi-space-growth-factor=1");

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
