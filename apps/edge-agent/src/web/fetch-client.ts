// HTTP by the browser's fetch, to the page's own origin alone: no cookie, no referrer, no cache and no redirect. No
// reply is longer than agreed, and no wait is without a limit. The browser adds headers, which name its version and
// language.

import { AppError } from "@attune/shared/errors";
import type { HttpClient, HttpReply, HttpRequest } from "../transports/http-client.js";

/** `idleTimeoutMs` is the longest silence of the server, before and within a reply. */
export function createFetchClient({ idleTimeoutMs }: { readonly idleTimeoutMs: number }): HttpClient {
  const open = new Set<Exchange>();
  return {
    async send(request) {
      const exchange = createExchange(request.signal, idleTimeoutMs, () => open.delete(exchange));
      open.add(exchange);
      return sendIn(exchange, request);
    },
    close() {
      for (const { end } of open) end(new DOMException("stopped", "AbortError"));
    },
  };
}

interface Exchange {
  readonly signal: AbortSignal;
  /** Called with each sign of the server. */
  readonly heard: () => void;
  readonly end: (reason?: unknown) => void;
}

function createExchange(outer: AbortSignal | undefined, idleTimeoutMs: number, onEnd: () => void): Exchange {
  outer?.throwIfAborted();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = () => end(outer?.reason);
  const end = (reason?: unknown) => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
    onEnd();
    if (reason !== undefined) controller.abort(reason);
  };
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(
      () => end(new AppError("TIMED_OUT", `the server was silent for ${idleTimeoutMs} ms`)),
      idleTimeoutMs,
    );
  };
  outer?.addEventListener("abort", abort, { once: true });
  heard();
  return { signal: controller.signal, heard, end };
}

async function sendIn(exchange: Exchange, request: HttpRequest): Promise<HttpReply> {
  const { method, url, headers = {}, body, limitBytes } = request;
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: exchange.signal,
      mode: "same-origin",
      credentials: "omit",
      cache: "no-store",
      redirect: "manual",
      referrerPolicy: "no-referrer",
    });
  } catch (cause) {
    exchange.end();
    throw networkFault(host, cause, exchange);
  }
  exchange.heard();
  if (response.type === "opaqueredirect") {
    exchange.end(new DOMException("refused", "AbortError"));
    throw new AppError("SERVER_UNAVAILABLE", "the server answered with a redirect");
  }
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: readBody({ response, exchange, host, limitBytes }),
  };
}

interface Reading {
  readonly response: Response;
  readonly exchange: Exchange;
  readonly host: string;
  readonly limitBytes: number;
}

async function* readBody({ response, exchange, host, limitBytes }: Reading): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  const declared = Number(response.headers.get("content-length") ?? Number.NaN);
  let received = 0;
  try {
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) break;
      exchange.heard();
      received += part.value.length;
      if (received > limitBytes) throw new AppError("REPLY_TOO_LARGE", `${host} sent more than ${limitBytes} bytes`);
      yield part.value;
    }
    if (received < declared) {
      throw new AppError("SERVER_UNAVAILABLE", `${host} ended the reply after ${received} bytes`);
    }
  } catch (cause) {
    throw networkFault(host, cause, exchange);
  } finally {
    exchange.end(new DOMException("read", "AbortError"));
  }
}

/** fetch says of an attempt that failed no more than that it failed. */
function networkFault(host: string, cause: unknown, { signal }: Exchange): unknown {
  if (cause instanceof AppError) return cause;
  if (signal.aborted) return signal.reason;
  return new AppError("SERVER_UNAVAILABLE", `${host} cannot be reached`, { cause });
}
