// Downloads: GET of a hash, resumed by Range. The core checks the bytes by size and digest.

import { chunkSizeBytes } from "@attune/shared/contracts/release";
import type { DownloadTransport } from "../core/ports.js";
import type { HttpClient, HttpReply } from "./http-client.js";

/** A manifest lists every chunk of a release; this is far above any real one and far below the device's memory. */
const manifestLimitBytes = 8 * 1024 * 1024;

export function createHttpFetcher(client: HttpClient, server: string): DownloadTransport {
  return {
    get: async ({ bytes, message }, signal) => {
      const path = new TextDecoder().decode(bytes);
      // Contract 2 resumes a download by whole chunks.
      const offset = "offset" in message ? message.offset : 0;
      const reply = await client.send({
        method: "GET",
        url: new URL(path, server),
        headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
        signal: signal as globalThis.AbortSignal,
        limitBytes: message.what === "chunks" ? chunkSizeBytes : manifestLimitBytes,
      });
      return { status: reply.status, totalBytes: totalBytes(reply.status, reply.headers), body: reply.body };
    },
  };
}

/** The size of the whole resource as declared, RFC 9110 section 14.4: `bytes 4096-8191/10000` or `bytes * /10000`. */
function totalBytes(status: number, headers: HttpReply["headers"]): number | undefined {
  if (status === 206 || status === 416) {
    const match = /^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(String(headers["content-range"]));
    return match === null ? undefined : Number(match[1]);
  }
  const length = String(headers["content-length"]);
  return status === 200 && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
