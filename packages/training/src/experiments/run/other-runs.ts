// Finds other runs that compute experiments with the same cache: each run leaves a file while it lives, and
// reads those of others.

import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "@attune/platform/durable-file";
import { identifyProcess, isSameProcessAlive } from "@attune/platform/process-identity";
import { z } from "zod";

const runSchema = z.object({ pid: z.int(), startedAt: z.string(), since: z.string() });
type OtherRun = Pick<z.infer<typeof runSchema>, "pid" | "since">;

interface AnnouncedRun {
  /** The runs that live, the oldest first. */
  readonly others: readonly OtherRun[];
  end(): Promise<void>;
}

/** Removes the files of runs that were killed. `since` is the time when this run began. */
export async function announceRun(directory: string, since: Date): Promise<AnnouncedRun> {
  await mkdir(directory, { recursive: true });
  const others: OtherRun[] = [];
  for (const name of await readdir(directory)) {
    const run = await readRun(join(directory, name));
    if (run !== undefined && (await isSameProcessAlive(run))) others.push(run);
    else if (name.endsWith(".json")) await rm(join(directory, name), { force: true });
  }
  const own = join(directory, `${process.pid}.json`);
  const identity = await identifyProcess(process.pid);
  if (identity !== undefined) {
    await writeFileDurably(own, JSON.stringify({ ...identity, since: since.toISOString() }), { mode: 0o600 });
  }
  return {
    others: others.sort((x, y) => (x.since < y.since ? -1 : 1)),
    end: () => rm(own, { force: true }),
  };
}

async function readRun(path: string): Promise<z.infer<typeof runSchema> | undefined> {
  try {
    return runSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}
