// A server before the real one, as a proxy on a person's network is. It serves the files of a page and passes on the
// rest, WebSockets too. It keeps the Host header.

import { createServer, type IncomingMessage, type ServerResponse, request as startRequest } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

interface PageFile {
  readonly body: string | Uint8Array;
  readonly type: string;
}

interface FrontOptions {
  /** The real server's port. It may be down meanwhile. */
  readonly port: number;
  /** The file at a path; undefined where the path belongs to the real server. */
  readonly fileAt: (path: string, request: IncomingMessage) => PageFile | undefined;
  readonly headers: Record<string, string>;
}

interface Front {
  readonly url: string;
  close(): void;
}

export async function openFront({ port, fileAt, headers }: FrontOptions): Promise<Front> {
  const server = createServer((request, response) => {
    const file = fileAt(request.url ?? "/", request);
    if (file === undefined) passOn(port, request, response);
    else response.writeHead(200, { ...headers, "content-type": file.type }).end(file.body);
  });
  server.on("upgrade", (request, socket: Socket, head) => {
    const upstream = connect(port, "127.0.0.1");
    const lines = request.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : []));
    upstream.write(`GET ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function passOn(port: number, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const passed = startRequest({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  passed.on("error", () => response.destroy());
  request.pipe(passed);
}
