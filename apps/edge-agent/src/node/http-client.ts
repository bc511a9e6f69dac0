// HTTP with nothing extra: no header that is not needed, no redirect followed, no reply longer than agreed, no
// wait without a limit.

import * as http from "node:http";
import * as https from "node:https";
import { AppError } from "@attune/shared/errors";
import type { HttpClient, HttpReply, HttpRequest } from "../transports/http-client.js";
import { plainBytes } from "./plain-bytes.js";

interface HttpClientOptions {
  /** The longest silence of the other side, before and within a reply. */
  readonly idleTimeoutMs: number;
  readonly keepAlive: boolean;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const settings = { keepAlive: options.keepAlive, maxSockets: 8, maxFreeSockets: 2, scheduling: "lifo" as const };
  const agents = { "http:": new http.Agent(settings), "https:": new https.Agent(settings) };
  return {
    send: (request) => send(request, agents, options.idleTimeoutMs),
    close: () => {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

async function send(
  { method, url, headers, body, signal, limitBytes }: HttpRequest,
  agents: { "http:": http.Agent; "https:": https.Agent },
  idleTimeoutMs: number,
): Promise<HttpReply> {
  signal?.throwIfAborted();
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:")
    throw new AppError("INVALID_CONFIGURATION", "the address is not http or https");
  const payload = body === undefined ? undefined : Buffer.from(body, "utf8");
  const request = (secure ? https : http).request(url, {
    method,
    agent: agents[secure ? "https:" : "http:"],
    headers: { ...headers, ...(payload && { "content-length": String(payload.length) }) },
  });
  // Why this side ended the exchange. The reader of a body learns from Node only that the body was cut off.
  let ownReason: unknown;
  const end = (reason: Error): void => {
    ownReason ??= reason;
    request.destroy(reason);
  };
  const abort = (): void => end(abortError(signal));
  signal?.addEventListener("abort", abort, { once: true });
  request.setTimeout(idleTimeoutMs, () => {
    end(new AppError("TIMED_OUT", `${url.host} was silent for ${idleTimeoutMs} ms`));
  });
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on("error", (cause) => {
      signal?.removeEventListener("abort", abort);
      reject(networkError(url, cause));
    });
    request.on("response", resolve);
    request.end(payload);
  });
  // A caller that does not read the body must not keep the socket, and a late error must have a listener.
  response.on("error", () => undefined);
  response.once("close", () => signal?.removeEventListener("abort", abort));
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: readBody(response, { url, limitBytes, ownReason: () => ownReason }),
  };
}

async function* readBody(
  response: http.IncomingMessage,
  { url, limitBytes, ownReason }: { url: URL; limitBytes: number; ownReason: () => unknown },
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const part of response as AsyncIterable<Uint8Array>) {
      received += part.length;
      if (received > limitBytes)
        throw new AppError("REPLY_TOO_LARGE", `${url.host} sent more than ${limitBytes} bytes`);
      yield plainBytes(part);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw networkError(url, ownReason() ?? cause);
  } finally {
    if (!response.complete) response.destroy();
  }
  if (!response.complete)
    throw new AppError("SERVER_UNAVAILABLE", `${url.host} ended the reply after ${received} bytes`);
}

function networkError(url: URL, cause: unknown): unknown {
  if (cause instanceof AppError || isAbort(cause)) return cause;
  const { code } = cause as { code?: unknown };
  const word = typeof code === "string" ? code : "the connection failed";
  return new AppError("SERVER_UNAVAILABLE", `${url.host} cannot be reached (${word})`, { cause });
}

function abortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException("stopped", "AbortError");
}

function isAbort(cause: unknown): boolean {
  const { name } = cause as { name?: unknown };
  return name === "AbortError" || name === "TimeoutError";
}
