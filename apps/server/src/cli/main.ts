// The `attune` program: connects the command line to this process's streams and exit code.

import { dispatch } from "./dispatch.js";

const code = await dispatch(process.argv.slice(2), {
  io: {
    stdout: (line) => process.stdout.write(`${line}\n`),
    stderr: (text) => process.stderr.write(text),
    isTty: process.stderr.isTTY === true,
  },
});
// A pipe is written in the background: what is left of it must go out before the process ends.
process.stdout.write("", () => process.exit(code));
