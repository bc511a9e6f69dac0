// `attune bench`: the benchmarks of test/bench, which are compiled with everything else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "./command.js";
import { refuseMore } from "./command-line.js";
import { readFlags } from "./flags.js";

const script = fileURLToPath(new URL("../../../../test/bench/dist/main.js", import.meta.url));

const options = { out: { type: "string" }, markdown: { type: "string" } } as const;

export const benchCommand: Command = {
  name: "bench",
  usage: `Usage: attune bench [PART | all] [--json] [--out DIR] [--markdown FILE]

Times our engines in turn with their peers in the same run and prints medians, 90th percentiles and ratios (the fastest peer's median over
ours). Without a part: predictions of the bundled extractor and the training of heads, a couple of minutes. Leave the machine alone meanwhile.

Parts:
  predict      text to features of the bundled extractor
  table8       the paper's table 8: the native kernels beside ONNX Runtime for Node
  table9       table 9: WebAssembly beside ONNX Runtime for the web and TensorFlow.js
  table10      table 10: training of heads, native, beside scikit-learn, NumPy and TensorFlow.js
  table11      table 11: the same in WebAssembly
  oselm        one OSELM update and one ELM fit beside NumPy
  cold-start   a new process up to its first prediction, and its memory
  memory       what a real daemon has resident, before and after it learned
  all          every part, each in a process of its own: about fourteen minutes on two quiet cores

ONNX Runtime is fetched into the cache folder (XDG_CACHE_HOME); scikit-learn and NumPy take part where python3 (or ATTUNE_PYTHON) has them. With
ATTUNE_DATA the sentences and the vocabulary are the paper's, without it those of the sample people and the bundled extractor.

Options:
  --json            one JSON object on standard output (of all: a list)
  --out DIR         keep each part's results in DIR; all does not measure again what is there, so that it goes on where it was stopped
  --markdown FILE   write the tables into FILE, between its comments <!-- bench table8 --> and <!-- end bench -->

Examples:
  attune bench
  attune bench table8
  attune bench table10 --json > table10.json
  attune bench all --out results --markdown docs/performance.md`,
  options,

  async run(argv, io) {
    const { positionals } = readFlags("bench", { args: argv, options, allowPositionals: true });
    refuseMore(positionals, 1, "bench [PART | all]");
    const child = spawn(process.execPath, [script, ...argv, ...(io.json ? ["--json"] : [])], {
      // The channel tells it when this process is gone.
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  },
};
