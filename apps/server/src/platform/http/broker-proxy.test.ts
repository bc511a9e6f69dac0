import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import fastify from "fastify";
import { afterEach, expect, test } from "vitest";
import { toAppError } from "../../trpc.js";
import { type BrokerProxyLimits, defaultBrokerProxyLimits, registerBrokerProxy } from "./broker-proxy.js";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A broker that takes each connection and answers what it gets, in capitals. */
async function openBroker(onUpgrade?: (socket: Socket) => void) {
  const seen: IncomingMessage["headers"][] = [];
  const sockets = new Set<Socket>();
  const broker: Server = createServer();
  broker.on("upgrade", ({ headers }, socket: Socket) => {
    seen.push(headers);
    sockets.add(socket);
    socket.on("error", () => undefined).on("end", () => socket.end());
    if (onUpgrade !== undefined) return onUpgrade(socket);
    const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    socket.write(`${head}Sec-WebSocket-Accept: accepted\r\n\r\nINFO `);
    socket.on("data", (bytes) => socket.write(String(bytes).toUpperCase()));
  });
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    broker.close();
  });
  return { url: `ws://127.0.0.1:${(broker.address() as AddressInfo).port}`, seen, sockets };
}

async function openProxy(url: string | undefined, limits: Partial<BrokerProxyLimits> = {}) {
  const server = fastify({ trustProxy: "127.0.0.1" });
  server.setErrorHandler((error, _request, reply) => {
    const fault = toAppError(error);
    return reply.status(fault.httpStatus).send({ code: fault.code });
  });
  registerBrokerProxy(server, { url, limits: { ...defaultBrokerProxyLimits, ...limits } });
  await server.listen({ host: "127.0.0.1", port: 0 });
  const close = () => server.close();
  closing.push(close);
  const { port } = server.server.address() as AddressInfo;
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": key,
    origin: `http://127.0.0.1:${port}`,
  };
  /** The socket after the upgrade, with the first bytes behind the head, or the status and code of the refusal. */
  function dial(changed: Record<string, string | undefined> = {}, path = "/v1/nats") {
    const given = Object.entries({ ...headers, ...changed }).filter(([, value]) => value !== undefined);
    return new Promise<{ socket: Socket; first: string; accept: unknown } | string>((resolve, reject) => {
      const asked = request({
        host: "127.0.0.1",
        port,
        path,
        headers: Object.fromEntries(given) as Record<string, string>,
      });
      asked.on("error", reject);
      asked.on("upgrade", (answer, socket: Socket, head) => {
        closing.push(() => socket.destroy());
        socket.on("error", () => undefined);
        resolve({ socket, first: String(head), accept: answer.headers["sec-websocket-accept"] });
      });
      asked.on("response", (answer) => {
        let body = "";
        answer.on("data", (part) => {
          body += part;
        });
        answer.on("end", () => resolve(`${answer.statusCode} ${JSON.parse(body).code}`));
      });
      asked.end();
    });
  }
  return { port, dial, close };
}

async function joined(dialled: ReturnType<Awaited<ReturnType<typeof openProxy>>["dial"]>) {
  const answer = await dialled;
  if (typeof answer === "string") throw new Error(answer);
  return answer;
}

/** All bytes from now on until `count` are there. */
function bytesOf(socket: Socket, count: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
      if (text.length >= count) resolve(text);
    });
  });
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.resume().once("close", () => resolve()));

test("bytes pass both ways, and the broker learns nothing of the client but its key", async () => {
  const broker = await openBroker();
  const { dial } = await openProxy(broker.url);
  const { socket, first, accept } = await joined(dial({ cookie: "a=b", "user-agent": "me" }));
  const rest = bytesOf(socket, 10 - first.length);
  socket.write("hello");
  expect(first + (await rest)).toBe("INFO HELLO");
  expect(accept).toBe("accepted");
  const { host, ...headers } = broker.seen[0]!;
  expect(headers).toEqual({
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": key,
  });
});

test("bytes that a client sends with its request reach the broker", async () => {
  const { url } = await openBroker();
  const { port } = await openProxy(url);
  const socket = connect(port, "127.0.0.1");
  closing.push(() => socket.destroy());
  const host = `127.0.0.1:${port}`;
  const head = `GET /v1/nats HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nConnection: Upgrade\r\nUpgrade: websocket`;
  socket.write(`${head}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\nearly`);
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes;
  });
  await expect.poll(() => received).toMatch(/\r\n\r\nINFO EARLY$/);
});

test.each([
  ["no origin", { origin: undefined }, "403 FORBIDDEN"],
  ["another origin", { origin: "https://elsewhere.example" }, "403 FORBIDDEN"],
  ["an opaque origin", { origin: "null" }, "403 FORBIDDEN"],
  ["another scheme", { origin: "ws://127.0.0.1" }, "403 FORBIDDEN"],
  ["another protocol", { upgrade: "h2c" }, "400 INVALID_INPUT"],
  ["an old version", { "sec-websocket-version": "8" }, "400 INVALID_INPUT"],
  ["no key", { "sec-websocket-key": undefined }, "400 INVALID_INPUT"],
  ["a broken key", { "sec-websocket-key": "short" }, "400 INVALID_INPUT"],
  ["no upgrade", { connection: undefined, upgrade: undefined }, "400 INVALID_INPUT"],
])("a request with %s is refused, and reaches no broker", async (_, changed, refusal) => {
  const { url, seen } = await openBroker();
  const { dial } = await openProxy(url);
  expect(await dial(changed)).toBe(refusal);
  expect(seen).toEqual([]);
});

test("without a broker's WebSocket, with one that refuses, is silent or is away, the answer says so", async () => {
  const refusing = await openBroker((socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  const silent = await openBroker(() => undefined);
  for (const url of [undefined, refusing.url, silent.url, "ws://127.0.0.1:1"]) {
    const { dial } = await openProxy(url, { handshakeTimeoutMs: 100 });
    expect(await dial()).toBe("503 NATS_UNAVAILABLE");
  }
});

test("one client and all clients hold only so many connections, and a closed one makes room", async () => {
  const { url } = await openBroker();
  const { dial } = await openProxy(url, { maxConnections: 3, maxPerAddress: 2 });
  const from = (address: string) => dial({ "x-forwarded-for": address });
  const { socket } = await joined(from("10.0.0.1"));
  await joined(from("10.0.0.1"));
  expect(await from("10.0.0.1")).toBe("429 TOO_MANY_REQUESTS");
  await joined(from("10.0.0.2"));
  expect(await from("10.0.0.3")).toBe("429 TOO_MANY_REQUESTS");
  socket.destroy();
  await expect.poll(() => from("10.0.0.1")).toMatchObject({ accept: "accepted" });
});

test("the end of either side ends the other, and so do silence and the end of the server", async () => {
  const broker = await openBroker();
  const { dial, close } = await openProxy(broker.url);
  const first = await joined(dial());
  const [upstream] = broker.sockets;
  first.socket.destroy();
  await closed(upstream!);
  const second = await joined(dial());
  const ended = closed(second.socket);
  [...broker.sockets].at(-1)!.destroy();
  await ended;
  const third = await joined(dial());
  const stopped = closed(third.socket);
  await close();
  await stopped;
  const quick = await openProxy(broker.url, { silenceTimeoutMs: 50 });
  await closed((await joined(quick.dial())).socket);
  expect(broker.seen).toHaveLength(4);
});
