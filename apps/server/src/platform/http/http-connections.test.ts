// Hostile clients on real sockets: each test checks that other clients are still served.

import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createGuardedServer, defaultConnectionLimits } from "./http-connections.js";

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function listen(handler: RequestListener, limits: Partial<typeof defaultConnectionLimits> = {}) {
  const server = createGuardedServer(handler, { ...defaultConnectionLimits, ...limits });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return async (sent = "") => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(sent);
    return socket;
  };
}

const request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const hello: RequestListener = (_request, response) => void response.end("hello");
/** One whole exchange: answers the reply's head and body. */
async function ask(socket: Socket, sent = request): Promise<string> {
  let reply = "";
  const replied = new Promise<string>((resolve) => {
    socket.on("data", (part) => {
      reply += String(part);
      if (reply.endsWith("hello")) resolve(reply);
    });
    socket.once("close", () => resolve(reply));
  });
  socket.write(sent);
  return replied;
}

/** Everything until the connection closes; "reset" where the server closed it before the client had read a word. */
async function untilClosed(socket: Socket): Promise<string> {
  let reply = "";
  let reset = false;
  socket.on("data", (part) => {
    reply += String(part);
  });
  socket.once("error", () => {
    reset = true;
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return reply === "" && reset ? "reset" : reply;
}

test("requests sent in advance end the connection, and are never answered side by side", async () => {
  let handled = 0;
  const open = await listen((_request, response) => {
    handled++;
    setImmediate(() => response.end("x".repeat(100_000)));
  });
  const socket = await open(request.repeat(500));
  await untilClosed(socket);
  expect(handled).toBe(1);
});

test("one request after the other on one connection is served, with bodies too", async () => {
  const open = await listen((incoming, response) => void incoming.resume().once("end", () => response.end("hello")));
  const socket = await open();
  for (const sent of [request, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", request, request]) {
    expect(await ask(socket, sent)).toContain("200 OK");
    socket.removeAllListeners("data");
  }
});

test.each([
  ["sends nothing", ""],
  ["sends half a head", "GET / HTTP/1.1\r\nhost: x\r\nx: "],
  ["sends half a body", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx"],
  ["was answered and stays", request],
])("when all connections are taken, a client that %s makes room, and the next one is served", async (_what, sent) => {
  const limits = { maxConnections: 4 };
  const handler: RequestListener = (incoming, response) => {
    incoming.resume().once("end", () => response.end("hello"));
    incoming.once("error", () => undefined);
  };
  const open = await listen(handler, limits);
  const held = await Promise.all(Array.from({ length: 4 }, () => open(sent)));
  const closed = Promise.race(held.map((socket) => once(socket.resume(), "close")));
  // Both of these exceed the server's limit: each takes the place of a connection that kept the server waiting.
  expect(await ask(await open())).toContain("hello");
  expect(await ask(await open())).toContain("hello");
  await closed;
});

test("when all connections are being answered, a further one is closed and none of them is cut off", async () => {
  const answers: (() => void)[] = [];
  const open = await listen((_request, response) => void answers.push(() => response.end("hello")), {
    maxConnections: 3,
  });
  const busy = [await open(), await open(), await open()].map((socket) => ask(socket));
  await expect.poll(() => answers.length).toBe(3);
  expect(await ask(await open())).toBe("");
  for (const answer of answers) answer();
  for (const reply of await Promise.all(busy)) expect(reply).toContain("hello");
});

test("a client that does not read its answer is cut off", async () => {
  const cutOff = new Promise<void>((resolve) => {
    listen(
      (_request, response) => {
        response.write(Buffer.alloc(64 * 1024 * 1024));
        response.once("close", resolve);
      },
      { silenceTimeoutMs: 200 },
    ).then(async (open) => (await open(request)).pause());
  });
  await cutOff;
});

test.each([
  ["a head that drips", "GET / HTTP/1.1\r\nhost: x\r\nx: "],
  ["a body that drips", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000\r\n\r\n"],
])("%s is cut off, however lively it drips", async (_what, sent) => {
  const open = await listen((incoming) => void incoming.resume().on("error", () => undefined), {
    headTimeoutMs: 300,
    requestTimeoutMs: 300,
  });
  const socket = await open(sent);
  const drip = setInterval(() => socket.write("y"), 20);
  await untilClosed(socket);
  clearInterval(drip);
});

test.each([
  ["a head of 9 KiB", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(9 * 1024)}\r\n\r\n`],
  ["a thousand heads' worth of lines", `GET / HTTP/1.1\r\nhost: x\r\n${"a: b\r\n".repeat(20_000)}\r\n`],
  [
    "a length and an encoding",
    `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${request}`,
  ],
  ["two lengths", `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: 30\r\n\r\n${request}`],
  ["a signed length", `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\n${request}`],
  ["a space before the colon", `POST / HTTP/1.1\r\nhost: x\r\ncontent-length : 30\r\n\r\n${request}`],
  ["a bare line feed", `GET / HTTP/1.1\nhost: x\nx: y\n\n${request}`],
  ["no host", "GET / HTTP/1.1\r\n\r\n"],
])("%s is refused, and what follows it is no request", async (_what, sent) => {
  const paths: (string | undefined)[] = [];
  const open = await listen((incoming, response) => {
    paths.push(incoming.url);
    hello(incoming, response);
  });
  const reply = await untilClosed(await open(sent.replaceAll(request, request.replace("/", "/smuggled"))));
  // Unread bytes turn the server's close into a reset, which may overtake the answer.
  expect(reply).toMatch(/^(HTTP\/1\.1 4\d\d|reset$)/);
  expect(paths).not.toContain("/smuggled");
});
