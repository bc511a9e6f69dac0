// Runs `attune demo` as a person would, and looks into its directory while it runs.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { journalSchema } from "@attune/shared/contracts/local-api";
import { vi } from "vitest";
import { z } from "zod";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const attune = join(root, "apps/server/bin/attune.js");
const attuneAgent = join(root, "apps/edge-agent/bin/attune-agent.js");

export interface DemoRun {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), `attune-${name}-`));

export function startDemo(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  command: "demo" | "start" = "demo",
): DemoRun {
  const child = spawn(process.execPath, [attune, command, ...argv], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export interface SampleRow {
  readonly text: string;
  readonly speaker: string;
  readonly emotion: string;
}

/** The sample people's rows, as they stand in the file. */
export function sampleRows(split: "train" | "dev"): SampleRow[] {
  const lines = readFileSync(join(root, `assets/sample-people/${split}_sent_emo.csv`), "utf8")
    .trimEnd()
    .split("\r\n");
  return lines.slice(1).map((line) => {
    const [, quoted, plain, speaker, emotion] = /^\d+,(?:"((?:[^"]|"")*)"|([^,]*)),([^,]*),([^,]*),/.exec(line) ?? [];
    const text = quoted?.replaceAll('""', '"') ?? plain;
    if (text === undefined || speaker === undefined || emotion === undefined) throw new Error(`cannot read ${line}`);
    return { text, speaker, emotion };
  });
}

/** Writes a folder in MELD's form. */
export function writePeople(directory: string, rows: { readonly train: SampleRow[]; readonly dev: SampleRow[] }): void {
  const header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime";
  for (const split of ["train", "dev"] as const) {
    const lines = rows[split].map(
      ({ text, speaker, emotion }, index) =>
        `${index + 1},"${text.replaceAll('"', '""')}",${speaker},${emotion},neutral,0,${index},1,1,"00:00:01,000","00:00:02,000"`,
    );
    writeFileSync(join(directory, `${split}_sent_emo.csv`), `${[header, ...lines].join("\r\n")}\r\n`);
  }
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  const attempt = async () => {
    if (!(await condition())) throw new Error(`${what} did not happen within ${timeoutMs / 1_000} s`);
  };
  await vi.waitFor(attempt, { timeout: timeoutMs, interval: 50 });
}

/** The process id in a file of the form {"pid": …} or of a pid file's first line. */
export function pidIn(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  const pid = text.trimStart().startsWith("{") ? JSON.parse(text).pid : Number.parseInt(text, 10);
  return Number.isInteger(pid) ? pid : undefined;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The number of utterances that the agent in `directory` reports to hold; 0 while it does not answer. */
export async function storedUtterances(directory: string): Promise<number> {
  try {
    const { url } = JSON.parse(readFileSync(join(directory, "local-api.json"), "utf8"));
    const token = readFileSync(join(directory, "local-token"), "utf8").trim();
    const reply = await fetch(`${url}/v1/status`, { headers: { authorization: `Bearer ${token}` } });
    const { utterances } = (await reply.json()) as { utterances: { train: number; holdout: number } };
    return utterances.train + utterances.holdout;
  } catch {
    return 0;
  }
}

/** The journal of a stopped agent. */
export async function journalOf(directory: string): Promise<JournalEntry[]> {
  return z.object({ entries: journalSchema }).parse(await askStopped(directory, "journal")).entries;
}

/** The number of reports in a stopped agent's outbox. */
export async function waitingReports(directory: string): Promise<number> {
  const { outbox } = z.object({ outbox: z.object({ pending: z.int() }) }).parse(await askStopped(directory, "status"));
  return outbox.pending;
}

async function askStopped(directory: string, question: "journal" | "status"): Promise<unknown> {
  const argv = [attuneAgent, question, "--home", directory, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}
