// A checkpoint as a command line names it: a folder, or hf:owner/name on the hub, downloaded first.

import { basename, resolve } from "node:path";
import type { CommandIo } from "@attune/platform/cli/program";
import { fetchThrough } from "@attune/platform/proxy";
import { downloadCheckpoint, parseHubReference } from "@attune/training/checkpoints/hub-download";
import { readEnv } from "../env.js";
import { progressOn } from "./progress-on.js";

interface FetchedCheckpoint {
  readonly folder: string;
  /** The origin as a record names it: the folder's name, or hf:owner/name@commit. */
  readonly source: string;
}

/** `download` is the folder that a download is written to. A stopped download resumes from there. */
export async function fetchCheckpoint(name: string, download: string, io: CommandIo): Promise<FetchedCheckpoint> {
  if (!name.startsWith("hf:")) return { folder: resolve(name), source: basename(resolve(name)) };
  const reference = parseHubReference(name.slice("hf:".length));
  const { hubEndpoint, hubToken, proxies } = readEnv();
  const line = progressOn(io);
  try {
    const commit = await downloadCheckpoint(reference, {
      endpoint: hubEndpoint,
      token: hubToken,
      fetch: await fetchThrough(proxies),
      directory: download,
      onProgress: ({ name, doneBytes, totalBytes }) => {
        const what = `${name}, ${(totalBytes / 1e6).toFixed(1)} MB`;
        line.show({ what, done: doneBytes, total: totalBytes });
      },
    });
    return { folder: download, source: `hf:${reference.repository}@${commit}` };
  } finally {
    line.end();
  }
}
