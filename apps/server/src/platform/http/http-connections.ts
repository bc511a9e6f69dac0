// An HTTP server whose connections strangers cannot use up. A connection carries one request at a time, and silence
// ends it. Once all are taken, the client that has kept the server waiting longest makes room for the next.

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  readonly maxConnections: number;
  /** The time from the first byte of a request, or from the connection's start, to the end of its head. */
  readonly headTimeoutMs: number;
  /** The time from the same moment to the end of the request's body. */
  readonly requestTimeoutMs: number;
  /** The longest time without a byte in either direction. A client that does not read is cut off after it. */
  readonly silenceTimeoutMs: number;
  /** Longer than proxies keep a connection: a proxy must not find it closed just when it uses it again. */
  readonly keepAliveTimeoutMs: number;
}

/**
 * A device polls each 30 s and its connection may close in between, so these connections serve far more devices than
 * their number. A silent connection costs about 10 KB, an active one at most its head and a body of 16 KiB. So 4,096
 * connections stay below 150 MB.
 */
export const defaultConnectionLimits: ConnectionLimits = {
  maxConnections: 4_096,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  silenceTimeoutMs: 60_000,
  keepAliveTimeoutMs: 72_000,
};

/** Twice the head of the agent, a browser or a proxy. */
const maxHeadBytes = 8 * 1024;

export function createGuardedServer(handler: RequestListener, limits: ConnectionLimits): Server {
  const open = new Set<Socket>();
  /** The connections that wait for their client; the one that has waited longest comes first. */
  const waiting = new Set<Socket>();
  const answering = new Set<Socket>();

  const options = {
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, limits.headTimeoutMs),
    maxHeaderSize: maxHeadBytes,
  };
  const server = createServer(options, (request, response) => {
    const { socket } = request;
    // Answers to requests sent in advance would stay in memory until the client reads. Our clients, browsers and
    // proxies send none. The rest of a smuggled request arrives in this way, too.
    if (answering.has(socket)) {
      socket.destroy();
      return;
    }
    answering.add(socket);
    const received = () => {
      if (answering.has(socket)) waiting.delete(socket);
    };
    if (hasBody(request)) request.once("end", received);
    else received();
    response.once("close", () => {
      answering.delete(socket);
      waiting.delete(socket);
      if (!socket.destroyed) waiting.add(socket);
    });
    handler(request, response);
  });
  // A WebSocket has its own number and time limits.
  server.on("upgrade", (_request, socket: Socket) => waiting.delete(socket));
  server.setTimeout(limits.silenceTimeoutMs);
  server.on("connection", (socket: Socket) => {
    if (open.size >= limits.maxConnections && !makeRoom()) {
      socket.destroy();
      return;
    }
    open.add(socket);
    waiting.add(socket);
    socket.once("close", () => forget(socket));
  });

  function makeRoom(): boolean {
    const [longest] = waiting;
    if (longest === undefined) return false;
    forget(longest);
    longest.destroy();
    return true;
  }

  function forget(socket: Socket): void {
    for (const sockets of [open, waiting, answering]) sockets.delete(socket);
  }

  return server;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * The default, or half of the files that this process may hold open where that is less. The other half is for
 * the server's own files.
 */
export function connectionLimitsHere(): ConnectionLimits {
  const allowed = Math.floor(openFileLimit() / 2);
  return {
    ...defaultConnectionLimits,
    maxConnections: Math.min(defaultConnectionLimits.maxConnections, allowed),
  };
}

function openFileLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
