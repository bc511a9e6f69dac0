// `attune bench`: the benchmarks of @attune/bench, in a process of their own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import type { bench } from "./declarations/local.js";

const script = fileURLToPath(import.meta.resolve("@attune/bench/main"));

export const runBench: Body<typeof bench, CommandIo> = async ({ values, arguments: [part] }, io) => {
  const flags = (["out", "markdown"] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const argv = [...(part === undefined ? [] : [part]), ...flags, ...(io.json ? ["--json"] : [])];
  const child = spawn(process.execPath, [script, ...argv], {
    // The end of this channel shows the child that this process is gone.
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
};
