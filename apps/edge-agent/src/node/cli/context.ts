// The context that every command of the agent works with.

import { resolve } from "node:path";
import type { CommandIo } from "@attune/platform/cli/program";
import { type AgentEnv, readEnv } from "../env.js";
import { type HomePaths, homePaths } from "../home.js";

export interface AgentIo {
  readonly stdin: AsyncIterable<Uint8Array | string>;
}

export interface AgentContext extends AgentIo {
  readonly env: AgentEnv;
  readonly paths: HomePaths;
  /** Prints the result, exactly once: as JSON where `--json` was given, else in words. */
  readonly print: (json: object, words: string) => void;
}

export function openContext(
  home: string | undefined,
  io: CommandIo & AgentIo,
  variables: NodeJS.ProcessEnv | undefined,
): AgentContext {
  const env = readEnv(variables);
  return {
    env,
    paths: homePaths(resolve(home ?? env.home)),
    stdin: io.stdin,
    print: (result, words) => io.stdout(io.json ? JSON.stringify(result) : words),
  };
}
