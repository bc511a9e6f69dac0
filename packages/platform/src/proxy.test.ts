// Tests against a local proxy that opens tunnels and passes requests on, to a local server whose name
// only the proxy knows.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startHub } from "@attune/fakes/hub";
import { downloadCheckpoint } from "@attune/training/checkpoints/hub-download";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseEnv } from "../../../apps/server/src/env.js";
import { fetchThrough } from "./proxy.js";

interface Proxy {
  readonly address: string;
  /** "METHOD target" of each request. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** The proxy connects every requested address to `port` of this machine. */
async function startProxy(port: number): Promise<Proxy> {
  const asked: string[] = [];
  const tunnels = new Set<Socket>();
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { pathname, search } = new URL(incoming.url ?? "");
    const { method = "GET", headers } = incoming;
    request({ port, method, headers, path: pathname + search }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    }).end();
  });
  server.on("connect", (incoming, socket: Socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    // No server here speaks TLS, so the request for the tunnel is the whole test.
    tunnels.add(socket);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      for (const socket of tunnels) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const target = createServer((incoming, response) => response.end(`${incoming.headers.host} ${incoming.url}`));
let proxy: Proxy;
let port: number;
beforeEach(async () => {
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  port = (target.address() as AddressInfo).port;
  proxy = await startProxy(port);
});
afterEach(async () => {
  await proxy.close();
  target.closeAllConnections();
  await new Promise((resolve) => target.close(resolve));
});

const via = (variables: Record<string, string>) => fetchThrough(parseEnv(variables).proxies);

test("an http address is asked of the proxy, without a tunnel", async () => {
  const fetch = await via({ HTTP_PROXY: proxy.address });
  expect(await (await fetch("http://hub.test/file?x=1")).text()).toBe("hub.test /file?x=1");
  expect(proxy.asked).toEqual(["GET http://hub.test/file?x=1"]);
});

test("an https address goes through a tunnel of the proxy for https", async () => {
  const fetch = await via({ HTTPS_PROXY: proxy.address });
  await expect(fetch("https://hub.test/file")).rejects.toThrow();
  expect(proxy.asked).toEqual(["CONNECT hub.test:443"]);
});

test("lower case goes before upper case, a variable set to nothing is none, and a scheme may be left out", async () => {
  const bare = proxy.address.slice("http://".length);
  const fetch = await via({ http_proxy: bare, HTTP_PROXY: "http://127.0.0.1:1", HTTPS_PROXY: "" });
  expect((await fetch("http://hub.test/")).status).toBe(200);
});

test("hosts of NO_PROXY and this machine itself are reached directly", async () => {
  const fetch = await via({ HTTP_PROXY: proxy.address, NO_PROXY: "other.test,127.0.0.2" });
  for (const host of ["127.0.0.1", "localhost", "127.0.0.2"])
    await fetch(`http://${host}:${port}/`).catch(() => undefined);
  expect(proxy.asked).toEqual([]);
  const all = await via({ HTTP_PROXY: proxy.address, NO_PROXY: "*" });
  expect((await all(`http://127.0.0.1:${port}/`)).status).toBe(200);
  expect(proxy.asked).toEqual([]);
});

test("what is no proxy is refused by its variable, without its value", async () => {
  const fault = await via({ HTTPS_PROXY: "socks5://me:hunter2@host:1" }).catch((error: unknown) => error);
  expect(fault).toMatchObject({ code: "INVALID_CONFIGURATION", message: expect.stringContaining("HTTPS_PROXY") });
  expect((fault as Error).message).not.toContain("hunter2");
});

test("a download says of a proxy that refuses it what it answers", async () => {
  const fetch = await via({ HTTPS_PROXY: proxy.address });
  const options = { endpoint: "https://hub.test", directory: tmpdir(), fetch, attempts: 1 };
  await expect(downloadCheckpoint({ repository: "owner/name", revision: "main" }, options)).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining("Proxy response (502)"),
  });
});

test("a checkpoint is downloaded from the hub through the proxy", async () => {
  const directory = mkdtempSync(join(tmpdir(), "attune-proxy-"));
  const content = (text: string) => ({ content: Buffer.from(text) });
  const hub = await startHub({ "config.json": content("{}"), "model.safetensors": content("weights") });
  const behind = await startProxy(Number(new URL(hub.endpoint).port));
  try {
    const fetch = await via({ HTTP_PROXY: behind.address });
    await downloadCheckpoint(
      { repository: "owner/name", revision: "main" },
      { endpoint: "http://hub.test", directory, fetch },
    );
    expect(readdirSync(directory).sort()).toEqual(["config.json", "model.safetensors"]);
    expect(behind.asked).toContain("GET http://hub.test/api/models/owner/name/revision/main");
  } finally {
    await behind.close();
    hub.close();
    rmSync(directory, { recursive: true });
  }
});
