// Measures the resident memory of a real daemon, offline on an enrolled agent's directory, before and after it learned.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { emotionLabels } from "@attune/training/datasets/emotions";
import { type AgentModel, writeAgentHome } from "./agent-home.js";
import { readEnv } from "./env.js";
import { openAgentParts } from "./product.js";
import type { BenchProgress } from "./progress.js";
import type { AgentRow, Measured } from "./results.js";
import { readSentences } from "./sentences.js";

type Resident = Pick<AgentRow, "startMb" | "trainedMb" | "peakMb">;

const models: readonly AgentModel[] = ["tiny", "bundled"];
const secondsEach = 10;
export const agentMemoryWeight = models.length * secondsEach;
/** Longer than the daemon takes to look for memory that learning left behind. */
const restMs = 2_500;
const command = fileURLToPath(new URL("../../../apps/edge-agent/bin/attune-agent.js", import.meta.url));

export async function benchAgentMemory(progress: BenchProgress): Promise<Measured> {
  if (!existsSync("/proc/self/status")) {
    return { limits: [], notes: ["Resident memory is read from /proc, which is not here"], rows: [] };
  }
  const rows: AgentRow[] = [];
  for (const model of models) {
    progress.begin(`a daemon with ${model}`, secondsEach);
    const timed = { medianMs: null, p90Ms: null, ratioToBestPeer: null };
    rows.push({ engine: "agent", model, ...timed, ...(await measureAgent(model)) });
    progress.advance(1);
  }
  const notes = [
    "Each row is one process, in an environment without settings for the C library",
    "The start counts after 80 predictions, the second number after 80 corrections and one more training",
    "Neither server nor broker runs, so every attempt to connect fails",
  ];
  return { limits: [], notes, rows };
}

async function measureAgent(model: AgentModel): Promise<Resident> {
  const folder = mkdtempSync(join(tmpdir(), "attune-bench-agent-"));
  try {
    const home = join(folder, "home");
    await writeAgentHome(home, model);
    return await live(home);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function live(home: string): Promise<Resident> {
  const { daemonAgent, homePaths } = await openAgentParts();
  const agent = daemonAgent(homePaths(home));
  const env = Object.fromEntries(Object.entries(readEnv().inherited).filter(([name]) => !name.startsWith("MALLOC_")));
  const stdio = ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"];
  const daemon = spawn(process.execPath, [command, "run", "--home", home], { env, stdio });
  const ended = once(daemon, "exit");
  try {
    await Promise.race([
      once(daemon.stdout, "data"),
      ended.then(() => Promise.reject(new Error("the agent ended before it was ready"))),
    ]);
    const sentences = readSentences();
    for (const text of sentences) await agent.predict({ text });
    const startMb = megabytes(daemon.pid!, "VmRSS");
    for (const [i, text] of sentences.entries()) {
      await agent.label({ id: `u${i}`, text, label: emotionLabels[i % emotionLabels.length]! });
    }
    await agent.learn();
    await sleep(restMs);
    return { startMb, trainedMb: megabytes(daemon.pid!, "VmRSS"), peakMb: megabytes(daemon.pid!, "VmHWM") };
  } finally {
    daemon.kill("SIGTERM");
    await ended;
  }
}

function megabytes(pid: number, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return (Number(found?.[1]) * 1024) / 1e6;
}
