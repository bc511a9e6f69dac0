// Runs one command of an agent to its end, for enrolment.

import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@attune/shared/errors";
import { reportedFault } from "./reported-fault.js";

/** The root folder of the installation. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const agentScript = join(root, "apps/edge-agent/bin/attune-agent.js");

/** Enrols the agent of `directory`. An agent may be enrolled already, if the demo was killed right after enrolment. */
export async function enrolAgent(input: {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly token: string;
}): Promise<void> {
  const { directory, env, logFile, token } = input;
  const argv = [agentScript, "enrol", "--home", directory, "--token", token];
  const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => (text += bytes.toString("utf8")));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ code: exitCode, output: text }));
  });
  appendFileSync(logFile, output, { mode: 0o600 });
  if (code === 0) return;
  const fault = reportedFault(output);
  if (fault?.code === "ALREADY_ENROLLED") return;
  const why = fault?.message ?? output.trim().split("\n").at(-1);
  throw new AppError(fault?.code ?? "SERVER_UNAVAILABLE", `the agent in ${directory} could not be enrolled: ${why}`);
}
