// The `attune` program: connects the command line to this process's streams and exit code.

import { standardStream } from "@attune/platform/standard-stream";
import { openOutput } from "@attune/shared/output";
import { dispatch } from "./dispatch.js";

const output = openOutput({ stdout: standardStream(process.stdout), stderr: standardStream(process.stderr) });
const code = await dispatch(process.argv.slice(2), {
  io: {
    stdout: (line) => output.stdout(`${line}\n`),
    stderr: output.stderr,
    isTty: process.stderr.isTTY === true,
  },
});
process.exit(await output.settle(code));
