// HTTP as the agent uses it, whichever runtime sends it: bounded replies, no redirects, no wait without a limit.

import { AppError } from "@attune/shared/errors";
import { parseJson } from "../core/storage/parse-json.js";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** The most bytes of body that are accepted; one more byte is REPLY_TOO_LARGE. */
  readonly limitBytes: number;
}

export interface HttpReply {
  readonly status: number;
  /** By names in lower case; a browser shows some of them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Throws SERVER_UNAVAILABLE when the body ends early, TIMED_OUT when it stalls, REPLY_TOO_LARGE past the limit. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpClient {
  /** Resolves with the reply's head. Throws SERVER_UNAVAILABLE when nobody answers, TIMED_OUT after silence. */
  send(request: HttpRequest): Promise<HttpReply>;
  close(): void;
}

/** The whole body as one JSON value. */
export async function readJson(reply: HttpReply): Promise<unknown> {
  const parts: Uint8Array[] = [];
  for await (const part of reply.body) parts.push(part);
  const parsed = parseJson(joinBytes(parts));
  if (parsed.ok) return parsed.value;
  throw new AppError("SERVER_UNAVAILABLE", `the reply (status ${reply.status}) is not JSON`);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
