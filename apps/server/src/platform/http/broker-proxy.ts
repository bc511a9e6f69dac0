// Carries the broker's WebSocket under the origin of the page, so that a page needs no other origin. It reads nothing
// of what passes: the broker admits a device by its key.

import { type IncomingMessage, ServerResponse, request as startHttp } from "node:http";
import { request as startHttps } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AppError } from "@attune/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const brokerPath = "/v1/nats";

export interface BrokerProxyLimits {
  /** Connections of all clients, and of one client's address. */
  readonly maxConnections: number;
  readonly maxPerAddress: number;
  /** The time that the broker has to answer the handshake. */
  readonly handshakeTimeoutMs: number;
  /** The longest time without a byte in either direction. An agent pings twice a minute. */
  readonly silenceTimeoutMs: number;
}

/** A household or an office may stand behind one address. */
export const defaultBrokerProxyLimits: BrokerProxyLimits = {
  maxConnections: 1_024,
  maxPerAddress: 64,
  handshakeTimeoutMs: 5_000,
  silenceTimeoutMs: 150_000,
};

interface BrokerProxyDeps {
  /** The broker's WebSocket address; undefined where it has none. */
  readonly url: string | undefined;
  readonly limits: BrokerProxyLimits;
}

/** Registers the route. A request to upgrade passes the same hooks and faults as every other. */
export function registerBrokerProxy(server: FastifyInstance, { url, limits }: BrokerProxyDeps): void {
  const perAddress = new Map<string, number>();
  const open = new Set<Duplex>();

  server.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on("finish", () => socket.end());
    upgrades.set(request, { socket, head, response });
    server.routing(request, response);
  });
  const upgrades = new WeakMap<IncomingMessage, { socket: Socket; head: Buffer; response: ServerResponse }>();

  server.get(brokerPath, async (request, reply) => {
    const upgrade = upgrades.get(request.raw);
    const key = keyOf(request);
    if (upgrade === undefined || key === undefined) {
      throw new AppError("INVALID_INPUT", "this address takes WebSocket connections of version 13 alone");
    }
    if (!isOwnOrigin(request.headers)) {
      throw new AppError("FORBIDDEN", "a page of another origin may not reach the broker through this server");
    }
    if (url === undefined) {
      throw new AppError("NATS_UNAVAILABLE", "the broker speaks no WebSocket; NATS_WEBSOCKET_URL names one that does");
    }
    const { ip } = request;
    const ofAddress = perAddress.get(ip) ?? 0;
    if (open.size >= limits.maxConnections || ofAddress >= limits.maxPerAddress) {
      throw new AppError("TOO_MANY_REQUESTS", "too many connections to the broker are open");
    }
    const { socket, head, response } = upgrade;
    open.add(socket);
    perAddress.set(ip, ofAddress + 1);
    socket.once("close", () => {
      open.delete(socket);
      const left = perAddress.get(ip)! - 1;
      if (left > 0) perAddress.set(ip, left);
      else perAddress.delete(ip);
    });
    const broker = await reachBroker({ url, key, socket, timeoutMs: limits.handshakeTimeoutMs });
    take(reply, response, socket);
    join({ socket, head, broker, silenceTimeoutMs: limits.silenceTimeoutMs });
  });

  server.addHook("preClose", async () => {
    for (const socket of open) socket.destroy();
  });
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers["sec-websocket-key"];
  const isWebSocket = headers.upgrade?.toLowerCase() === "websocket" && headers["sec-websocket-version"] === "13";
  return isWebSocket && typeof key === "string" && /^[A-Za-z0-9+/]{22}==$/.test(key) ? key : undefined;
}

/** Browsers state the origin of the page with each WebSocket. A proxy before this server must keep the Host header. */
function isOwnOrigin({ origin, host }: IncomingMessage["headers"]): boolean {
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: page } = new URL(origin);
  return (protocol === "https:" || protocol === "http:") && page === host.toLowerCase();
}

interface Broker {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly accept: string;
}

interface Reaching {
  readonly url: string;
  readonly key: string;
  /** The client's socket, whose end ends the attempt. */
  readonly socket: Socket;
  readonly timeoutMs: number;
}

/** The broker gets no header of the client but the key. */
async function reachBroker({ url, key, socket, timeoutMs }: Reaching): Promise<Broker> {
  const address = new URL(url);
  const isSecure = address.protocol === "wss:";
  address.protocol = isSecure ? "https:" : "http:";
  const request = (isSecure ? startHttps : startHttp)(address, {
    agent: false,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
    },
    timeout: timeoutMs,
  });
  const abandon = () => request.destroy();
  socket.once("close", abandon);
  try {
    return await new Promise<Broker>((resolve, reject) => {
      request.once("error", reject);
      request.once("timeout", () => request.destroy(new Error("the broker did not answer in time")));
      request.once("response", ({ statusCode }) => reject(new Error(`the broker answered ${statusCode}`)));
      request.once("upgrade", (answer, upstream, head) => {
        resolve({ socket: upstream, head, accept: answer.headers["sec-websocket-accept"] ?? "" });
      });
      request.end();
    });
  } catch (cause) {
    request.destroy();
    throw new AppError("NATS_UNAVAILABLE", "the broker cannot be reached by WebSocket", { cause });
  } finally {
    socket.off("close", abandon);
  }
}

/** Takes the socket from fastify and from Node's response. */
function take(reply: FastifyReply, response: ServerResponse, socket: Socket): void {
  reply.hijack();
  response.detachSocket(socket);
}

interface Joint {
  readonly socket: Socket;
  /** The client's bytes that came with the request. */
  readonly head: Buffer;
  readonly broker: Broker;
  readonly silenceTimeoutMs: number;
}

function join({ socket, head, broker, silenceTimeoutMs }: Joint): void {
  const upstream = broker.socket as Socket;
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    one.setTimeout(silenceTimeoutMs, () => one.destroy());
    one.on("error", () => one.destroy());
    // Node leaves the other half of a server's socket open. All that was received before the end is still passed on.
    one.once("end", () => one.destroySoon());
    one.once("close", () => other.destroySoon());
  }
  if (socket.destroyed || upstream.destroyed) {
    socket.destroy();
    upstream.destroy();
    return;
  }
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write(`${[...lines, `Sec-WebSocket-Accept: ${broker.accept}`].join("\r\n")}\r\n\r\n`);
  if (broker.head.length > 0) socket.write(broker.head);
  if (head.length > 0) upstream.write(head);
  socket.pipe(upstream);
  upstream.pipe(socket);
}
