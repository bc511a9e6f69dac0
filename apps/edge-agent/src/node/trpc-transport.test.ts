import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Cleared } from "../core/ports.js";
import { createTrpcTransport } from "../transports/trpc-transport.js";
import { createHttpClient } from "./http-client.js";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

interface Seen {
  url?: string | undefined;
  body?: string;
  headers?: http.IncomingHttpHeaders;
}

async function transportFor(answer: (response: http.ServerResponse) => void, idleTimeoutMs = 5_000) {
  const seen: Seen = {};
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      Object.assign(seen, { url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createHttpClient({ idleTimeoutMs, keepAlive: false });
  stops.push(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const transport = createTrpcTransport(client, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const poll = (signal = new AbortController().signal): Promise<unknown> =>
    transport.poll(cleared, "c2lnbmF0dXJl", signal);
  return { transport, seen, poll };
}

const message = { type: "poll", contract: 1, sequence: 7 };
const cleared = { type: "poll", message, bytes: new Uint8Array(0) } as unknown as Cleared<"poll">;

function json(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

const unauthorized = {
  error: { message: "unknown device", code: -32001, data: { code: "UNAUTHORIZED", attune: { code: "UNAUTHORIZED" } } },
};

test("a poll sends the message and its signature, with no header that is not needed", async () => {
  const { seen, poll } = await transportFor((response) => json(response, 200, { result: { data: { version: 1 } } }));
  expect(await poll()).toEqual({ version: 1 });
  expect(seen.url).toBe("/trpc/device.poll");
  expect(JSON.parse(seen.body ?? "")).toEqual({ version: 2, message, signature: "c2lnbmF0dXJl" });
  expect(Object.keys(seen.headers ?? {}).sort()).toEqual([
    "attune-manifest-version",
    "connection",
    "content-length",
    "content-type",
    "host",
  ]);
});

test("the server's own code comes through", async () => {
  const { poll } = await transportFor((response) => json(response, 401, unauthorized));
  await expect(poll()).rejects.toMatchObject({ name: "AppError", code: "UNAUTHORIZED", message: "unknown device" });
});

test("a reply of something else than an attune server is SERVER_UNAVAILABLE", async () => {
  for (const answer of [
    (response: http.ServerResponse) => response.end("<html>hotel wifi</html>"),
    (response: http.ServerResponse) => json(response, 200, { hello: "world" }),
    (response: http.ServerResponse) =>
      json(response, 500, { error: { message: "x", code: 1, data: { attune: { code: "MADE_UP" } } } }),
    (response: http.ServerResponse) => response.writeHead(302, { location: "/elsewhere" }).end(),
    (response: http.ServerResponse) => response.destroy(),
  ]) {
    const { poll } = await transportFor(answer);
    await expect(poll()).rejects.toMatchObject({ name: "AppError", code: "SERVER_UNAVAILABLE" });
  }
});

test("an endless reply is refused, a silent server times out, an abort aborts", async () => {
  const endless = await transportFor((response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, " ")));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  await expect(endless.poll()).rejects.toMatchObject({ code: "REPLY_TOO_LARGE" });
  const silent = await transportFor(() => undefined, 80);
  await expect(silent.poll()).rejects.toMatchObject({ code: "TIMED_OUT" });
  const waiting = await transportFor(() => undefined);
  await expect(waiting.poll(AbortSignal.timeout(30))).rejects.toMatchObject({
    name: expect.stringMatching(/Abort|Timeout/),
  });
});
