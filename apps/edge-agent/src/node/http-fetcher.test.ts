import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Cleared } from "../core/ports.js";
import { createHttpFetcher } from "../transports/http-fetcher.js";
import { createHttpClient } from "./http-client.js";

const hash = "ab".repeat(32);
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

async function fetcherFor(handler: Handler, idleTimeoutMs = 5_000) {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createHttpClient({ idleTimeoutMs, keepAlive: true });
  stops.push(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fetcher = createHttpFetcher(client, url);
  return {
    url,
    get: (cleared: Cleared<"download">, signal = new AbortController().signal) => fetcher.get(cleared, signal),
  };
}

function cleared(what: "chunks" | "manifests" = "chunks", offset = 0): Cleared<"download"> {
  const message = { type: "download", contract: 1, what, sha256: hash, offset } as const;
  const bytes = new TextEncoder().encode(`/v1/${what}/${hash}`);
  return { type: "download", message, bytes } as unknown as Cleared<"download">;
}

async function read(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

test("a download asks for the path and nothing else, and says how large the whole is", async () => {
  let seen: http.IncomingMessage | undefined;
  const { get } = await fetcherFor((request, response) => {
    seen = request;
    response.end("0123456789");
  });
  const reply = await get(cleared());
  // Node's server adds a content-length for a body given at the end.
  expect(reply.status).toBe(200);
  expect((await read(reply.body)).toString()).toBe("0123456789");
  expect(reply.totalBytes).toBe(10);
  expect(seen?.method).toBe("GET");
  expect(seen?.url).toBe(`/v1/chunks/${hash}`);
  expect(Object.keys(seen?.headers ?? {}).sort()).toEqual(["connection", "host"]);
});

test("a resumed download sends the offset and reports the declared total", async () => {
  let range: string | undefined;
  const { get } = await fetcherFor((request, response) => {
    range = request.headers.range;
    response.writeHead(206, { "content-range": "bytes 4096-4099/4100", "content-length": "4" }).end("tail");
  });
  const reply = await get(cleared("chunks", 4_096));
  expect(range).toBe("bytes=4096-");
  expect({ status: reply.status, totalBytes: reply.totalBytes }).toEqual({ status: 206, totalBytes: 4_100 });
  expect((await read(reply.body)).toString()).toBe("tail");
});

test("a server that ignores Range is seen by its status 200", async () => {
  const { get } = await fetcherFor((_request, response) => response.end("whole"));
  const reply = await get(cleared("chunks", 4_096));
  expect({ status: reply.status, totalBytes: reply.totalBytes }).toEqual({ status: 200, totalBytes: 5 });
  await read(reply.body);
});

test("a range that is not satisfiable is reported with the size", async () => {
  const { get } = await fetcherFor((_request, response) =>
    response.writeHead(416, { "content-range": "bytes */77" }).end(),
  );
  const reply = await get(cleared("chunks", 8_192));
  expect({ status: reply.status, totalBytes: reply.totalBytes }).toEqual({ status: 416, totalBytes: 77 });
});

test("a body that ends early is SERVER_UNAVAILABLE, with and without a declared length", async () => {
  for (const headers of [{ "content-length": "1000" }, {}]) {
    let cutOff = () => {};
    const { get } = await fetcherFor((_request, response) => {
      response.writeHead(200, headers);
      response.write("only this");
      cutOff = () => void response.destroy();
    });
    const reply = await get(cleared());
    cutOff();
    await expect(read(reply.body)).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE" });
  }
});

test("an endless body is cut off at the size that a chunk can have", async () => {
  const { get } = await fetcherFor((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  await expect(read((await get(cleared())).body)).rejects.toMatchObject({ code: "REPLY_TOO_LARGE" });
});

test("a redirect is not followed", async () => {
  let requests = 0;
  const { get } = await fetcherFor((_request, response) => {
    requests++;
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  expect((await get(cleared("manifests"))).status).toBe(302);
  expect(requests).toBe(1);
});

test("a server that stalls before or in the middle of its reply is TIMED_OUT", async () => {
  const silent = await fetcherFor(() => undefined, 80);
  await expect(silent.get(cleared())).rejects.toMatchObject({ code: "TIMED_OUT" });
  const stalling = await fetcherFor((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("a");
  }, 80);
  await expect(read((await stalling.get(cleared())).body)).rejects.toMatchObject({ code: "TIMED_OUT" });
});

test("nobody there is SERVER_UNAVAILABLE", async () => {
  const { url, get } = await fetcherFor(() => undefined);
  for (const stop of stops.splice(0)) stop();
  await expect(get(cleared())).rejects.toMatchObject({
    code: "SERVER_UNAVAILABLE",
    message: expect.stringContaining(url.slice("http://".length)),
  });
});

test("an abort ends a download at once, before and in the middle of the reply", async () => {
  const { get } = await fetcherFor((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("a");
  });
  await expect(get(cleared(), AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  const controller = new AbortController();
  const reply = await get(cleared(), controller.signal);
  const abortAfterPart = async () => {
    for await (const _part of reply.body) controller.abort();
  };
  await expect(abortAfterPart()).rejects.toMatchObject({ name: "AbortError" });
});
