// A server with the Hugging Face hub's layout: the listing of a revision, files by commit,
// hashes in headers, redirects.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const commit = "0123456789abcdef0123456789abcdef01234567";

export interface HubFile {
  readonly content: Uint8Array;
  readonly large?: boolean;
}

interface HubRequest {
  readonly host: "hub" | "storage";
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export type HubFault = (request: HubRequest, response: ServerResponse) => boolean;

function listen(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handle);
  return new Promise<{ origin: string; close(): void }>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      resolve({
        origin,
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}

/**
 * The hub serves small files itself; a storage of another origin serves large files. `fault` may
 * answer a request instead.
 */
export async function startHub(files: Record<string, HubFile>, fault: HubFault = () => false) {
  const requests: HubRequest[] = [];
  const note = (host: HubRequest["host"], { method = "", url = "", headers }: IncomingMessage): HubRequest => {
    const request = { host, method, path: url, range: headers.range, authorization: headers.authorization };
    requests.push(request);
    return request;
  };
  const storage = await listen((incoming, response) => {
    const request = note("storage", incoming);
    if (fault(request, response)) return;
    const { content } = files[request.path.slice(1)]!;
    const from = Number(/^bytes=(\d+)-$/.exec(request.range ?? "")?.[1] ?? 0);
    const range = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(from > 0 ? 206 : 200, { etag: '"the storage\'s own"', ...(from > 0 ? range : {}) });
    response.end(content.subarray(from));
  });
  const hub = await listen((incoming, response) => {
    const request = note("hub", incoming);
    if (fault(request, response)) return;
    const revision = /^\/api\/models\/owner\/name\/revision\/(main|v1%2F2)$/.exec(request.path);
    const resolved = new RegExp(`^/owner/name/resolve/${commit}/(.+)$`).exec(request.path);
    const cached = /^\/api\/resolve-cache\/(.+)$/.exec(request.path);
    const name = resolved?.[1] ?? cached?.[1] ?? "";
    const file = Object.hasOwn(files, name) ? files[name] : undefined;
    if (revision !== null) {
      response.end(JSON.stringify({ sha: commit, siblings: Object.keys(files).map((rfilename) => ({ rfilename })) }));
    } else if (file?.large) {
      const hash = createHash("sha256").update(file.content).digest("hex");
      const linked = { "x-linked-etag": `"${hash}"`, "x-linked-size": file.content.length };
      response
        .writeHead(302, { ...linked, etag: '"of the pointer"', location: `${storage.origin}/${name}` })
        .end("Found");
    } else if (file !== undefined && resolved !== null) {
      response.writeHead(307, { location: `/api/resolve-cache/${name}` }).end();
    } else if (file !== undefined) {
      const header = `blob ${file.content.length}\0`;
      const hash = createHash("sha1").update(header).update(file.content).digest("hex");
      response.writeHead(200, { etag: `W/"${hash}"`, "content-length": file.content.length });
      response.end(request.method === "HEAD" ? undefined : file.content);
    } else {
      response.writeHead(404).end("Repository not found");
    }
  });
  const close = () => {
    hub.close();
    storage.close();
  };
  return { endpoint: hub.origin, requests, close };
}
