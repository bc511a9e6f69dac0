// The environment of a benchmark. No other file of the benchmarks reads process.env.

import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface BenchEnv {
  /** ATTUNE_DATA, else the folder `shared/data` beside the checkout. */
  readonly dataFolder: string;
  /** Fetched peers and made models. */
  readonly cacheFolder: string;
  /** ATTUNE_PYTHON, else the python3 of the path. */
  readonly python: string;
  /** The variables that a child process inherits. */
  readonly inherited: NodeJS.ProcessEnv;
}

export function readEnv(variables: NodeJS.ProcessEnv = process.env): BenchEnv {
  return {
    dataFolder: variables.ATTUNE_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url)),
    cacheFolder: join(variables.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "attune-bench"),
    python: variables.ATTUNE_PYTHON ?? "python3",
    inherited: variables,
  };
}
