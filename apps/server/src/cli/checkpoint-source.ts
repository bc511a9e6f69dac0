// A checkpoint as a command line names it: a folder, or hf:owner/name on the hub, downloaded first.

import { basename, resolve } from "node:path";
import { readEnv } from "../env.js";
import { type DownloadProgress, downloadCheckpoint, parseHubReference } from "../registry/hub-download.js";
import type { CommandIo } from "./command.js";

export interface FetchedCheckpoint {
  readonly folder: string;
  /** What a record says of the origin: the folder's name, or hf:owner/name@commit. */
  readonly source: string;
}

/** `download`: where a download goes; one that was stopped is gone on from there. */
export async function fetchCheckpoint(name: string, download: string, io: CommandIo): Promise<FetchedCheckpoint> {
  if (!name.startsWith("hf:")) return { folder: resolve(name), source: basename(resolve(name)) };
  const reference = parseHubReference(name.slice("hf:".length));
  const { hubEndpoint, hubToken } = readEnv();
  const onProgress = progressLines(io);
  const options = { endpoint: hubEndpoint, token: hubToken, directory: download, onProgress };
  const commit = await downloadCheckpoint(reference, options);
  return { folder: download, source: `hf:${reference.repository}@${commit}` };
}

/** A line for each tenth of every file. */
function progressLines(io: CommandIo): (progress: DownloadProgress) => void {
  let last = "";
  return ({ name, doneBytes, totalBytes }) => {
    const line = `${name}: ${10 * Math.floor((10 * doneBytes) / totalBytes)}% of ${(totalBytes / 1e6).toFixed(1)} MB`;
    if (line !== last) io.stderr(`${line}\n`);
    last = line;
  };
}
