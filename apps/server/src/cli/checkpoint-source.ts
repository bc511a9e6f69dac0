// A checkpoint as a command line names it: a folder, or hf:owner/name on the hub, downloaded first.

import { basename, resolve } from "node:path";
import type { CommandIo } from "@attune/platform/cli/program";
import { fetchThrough } from "@attune/platform/proxy";
import { createStatusLine, inWords, type ProgressOutput } from "@attune/platform/status-line";
import {
  type DownloadProgress,
  downloadCheckpoint,
  parseHubReference,
} from "@attune/training/checkpoints/hub-download";
import { readEnv } from "../env.js";

export interface FetchedCheckpoint {
  readonly folder: string;
  /** What a record says of the origin: the folder's name, or hf:owner/name@commit. */
  readonly source: string;
}

/** `download`: where a download goes; one that was stopped is gone on from there. */
export async function fetchCheckpoint(name: string, download: string, io: CommandIo): Promise<FetchedCheckpoint> {
  if (!name.startsWith("hf:")) return { folder: resolve(name), source: basename(resolve(name)) };
  const reference = parseHubReference(name.slice("hf:".length));
  const { hubEndpoint, hubToken, proxies } = readEnv();
  const line = createDownloadLine({ write: io.stderr, isTty: io.isTty, nowMs: Date.now });
  try {
    const commit = await downloadCheckpoint(reference, {
      endpoint: hubEndpoint,
      token: hubToken,
      fetch: await fetchThrough(proxies),
      directory: download,
      onProgress: line.show,
    });
    return { folder: download, source: `hf:${reference.repository}@${commit}` };
  } finally {
    line.end();
  }
}

/** For one file after the other; of one that is gone on from, the time left counts from the bytes that were there. */
export function createDownloadLine(output: ProgressOutput): { show(progress: DownloadProgress): void; end(): void } {
  const line = createStatusLine(output);
  let begun: DownloadProgress & { readonly ms: number } = { name: "", doneBytes: 0, totalBytes: 0, ms: 0 };
  return {
    show(progress) {
      const { name, doneBytes, totalBytes } = progress;
      const ms = output.nowMs();
      if (begun.name !== name || doneBytes < begun.doneBytes) begun = { ...progress, ms };
      const isLast = doneBytes === totalBytes;
      const secondsLeft = ((ms - begun.ms) / 1000 / (doneBytes - begun.doneBytes)) * (totalBytes - doneBytes);
      // From its first bytes on nothing tells how fast they come.
      const left = isLast || !(secondsLeft > 0) ? "" : ` · ${inWords(secondsLeft)} left`;
      const percent = Math.floor((100 * doneBytes) / totalBytes);
      line.show(() => `${name}: ${percent}% of ${(totalBytes / 1e6).toFixed(1)} MB${left}`, isLast);
      if (isLast) line.end();
    },
    end: line.end,
  };
}
