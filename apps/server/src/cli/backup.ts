// `attune backup` and `attune restore`: the whole state of a server in a folder, and back.

import { resolve } from "node:path";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { createLogger } from "@attune/platform/logger";
import { openPostgres } from "../backends.js";
import { writeBackup } from "../backup/backup.js";
import type { BackupSummary } from "../backup/backup-record.js";
import { restoreBackup } from "../backup/restore.js";
import { readEnv } from "../env.js";
import { placesOf } from "../platform/home.js";
import { openPorts } from "../platform/ports.js";
import { assertReachable, findRunningPostgres, withClient } from "../platform/postgres/postgres.js";
import type { backup, restore } from "./declarations/local.js";
import { progressOn } from "./progress-on.js";

export const runBackup: Body<typeof backup, CommandIo> = async ({ values, arguments: [folder] }, io) => {
  const { env, places, logger, onProgress, end } = settingsOf(values, io);
  if (env.databaseUrl !== undefined) await assertReachable(env.databaseUrl);
  const connectionString = env.databaseUrl ?? (await findRunningPostgres(places, logger));
  const directory = resolve(folder);
  const summary = await withClient(connectionString, (client) =>
    writeBackup({ places, client, directory, now: Date.now, onProgress }),
  ).finally(end);
  print(summary, io, "holds keys: whoever reads it can sign releases");
};

export const runRestore: Body<typeof restore, CommandIo> = async ({ values, arguments: [folder] }, io) => {
  const { env, places, logger, onProgress, end } = settingsOf(values, io);
  const open = async () => openPostgres({ env, places, ports: await openPorts(places.portsFile), logger });
  const directory = resolve(folder);
  const summary = await restoreBackup({ places, directory, openPostgres: open, logger, onProgress }).finally(end);
  print(summary, io, `is restored in ${env.home}; start it with attune server`);
};

function settingsOf({ home }: { readonly home?: string | undefined }, io: CommandIo) {
  const environment = readEnv();
  const env = home === undefined ? environment : { ...environment, home: resolve(home) };
  const logger = createLogger({ level: "error", write: io.stderr });
  const progress = progressOn(io);
  const onProgress = (what: string, done: number, total: number) => progress.show({ what, done, total });
  return { env, places: placesOf(env.home), logger, onProgress, end: progress.end };
}

function print(summary: BackupSummary, io: CommandIo, words: string): void {
  const { directory, files, bytes, rows } = summary;
  io.stdout(
    io.json
      ? JSON.stringify(summary)
      : `${directory}: ${counted(files, "file")}, ${bytes} bytes, ${counted(rows, "row")}`,
  );
  if (!io.json) io.stdout(`${directory} ${words}`);
}
