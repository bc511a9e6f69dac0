// `attune bench`: the benchmarks of test/bench, which are compiled with everything else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "./command.js";

const script = fileURLToPath(new URL("../../../../test/bench/dist/main.js", import.meta.url));

export const benchCommand: Command = {
  name: "bench",
  summary: "measure predictions and training of heads beside TensorFlow.js",
  usage: `Usage: attune bench [--json]

Times text-to-features predictions of the bundled extractor and the training of heads (the paper's Table 10), each in turn with
TensorFlow.js (wasm) in the same run, and prints medians and ratios. Minutes; leave the machine alone meanwhile.

Options:
  --json   one JSON object on standard output

Examples:
  attune bench
  attune bench --json > bench.json`,

  async run(argv, io) {
    const child = spawn(process.execPath, [script, ...argv, ...(io.json ? ["--json"] : [])], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  },
};
