// `attune bench`: the benchmarks of test/bench, which are compiled with everything else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "./command.js";

const script = fileURLToPath(new URL("../../../../test/bench/dist/main.js", import.meta.url));

export const benchCommand: Command = {
  name: "bench",
  summary: "measure predictions and training of heads beside TensorFlow.js",
  usage: `Usage: attune bench [table8|table9|table10|table11] [--json]

Times text-to-features predictions of the bundled extractor and the training of heads (the paper's Table 10), each in turn with
TensorFlow.js (wasm) in the same run, and prints medians and ratios. Minutes; leave the machine alone meanwhile.

With a table: that table of the paper, beside more peers. table8: the native kernels beside ONNX Runtime for Node; table9: WebAssembly beside
ONNX Runtime for the web and TensorFlow.js (both fetch ONNX Runtime into the cache folder); table10 and table11: training of heads beside
scikit-learn and NumPy where python3 (or ATTUNE_PYTHON) has them.

Options:
  --json   one JSON object on standard output

Examples:
  attune bench
  attune bench table8
  attune bench --json > bench.json`,

  async run(argv, io) {
    const child = spawn(process.execPath, [script, ...argv, ...(io.json ? ["--json"] : [])], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  },
};
