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
  /** The origin as a record names it: the folder's name, or hf:owner/name@commit. */
  readonly source: string;
}

/** `download` is the folder that a download is written to. A stopped download resumes from there. */
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

/** Shows one file after the other. A resumed file's time left counts from the bytes that were there. */
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
      // The first bytes alone give no rate.
      const left = isLast || !(secondsLeft > 0) ? "" : ` · ${inWords(secondsLeft)} left`;
      const percent = Math.floor((100 * doneBytes) / totalBytes);
      line.show(() => `${name}: ${percent}% of ${(totalBytes / 1e6).toFixed(1)} MB${left}`, isLast);
      if (isLast) line.end();
    },
    end: line.end,
  };
}
