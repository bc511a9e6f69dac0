// The few requests to the hub that a download needs. Redirects are followed by hand. Only the hub's own answers name
// the hash, and the storage behind a redirect must not see the access token.

import type { Fetch } from "@attune/platform/proxy";
import { AppError } from "@attune/shared/errors";

export interface HubOptions {
  /** https://huggingface.co, or another server with the same layout. */
  readonly endpoint: string;
  /** The token for private and gated models; it is sent to the endpoint alone. */
  readonly token?: string | undefined;
  /** Fetches through a proxy, where there is one. */
  readonly fetch?: Fetch;
  /** A connection that brings no byte for this long has failed; default 60,000. */
  readonly idleTimeoutMs?: number;
}

interface FileDescription {
  readonly sizeBytes: number;
  readonly hash: string;
}

interface Body {
  /** The position of the first byte: 0 where the server does not support ranges. */
  readonly from: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface HubClient {
  readonly endpoint: string;
  readonly repository: string;
  getText(path: string): Promise<string>;
  describe(path: string, name: string): Promise<FileDescription>;
  openBody(path: string, what: { name: string; from: number }): Promise<Body>;
}

const maxRedirects = 8;
const maxListingBytes = 16 * 2 ** 20;

interface Hub {
  readonly endpoint: string;
  readonly origin: string;
  readonly repository: string;
  readonly token: string | undefined;
  readonly fetch: Fetch;
  readonly idleTimeoutMs: number;
}

/**
 * Methods throw AppError for a fault that a retry does not change, and a plain Error for a fault that
 * a retry may change.
 */
export function createHubClient(repository: string, options: HubOptions): HubClient {
  const endpoint = options.endpoint.replace(/\/+$/, "");
  const hub: Hub = {
    endpoint,
    origin: new URL(endpoint).origin,
    repository,
    token: options.token,
    fetch: options.fetch ?? globalThis.fetch,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
  };
  return {
    endpoint,
    repository,
    getText: (path) => getText(hub, path),
    describe: (path, name) => describe(hub, path, name),
    openBody: (path, what) => openBody(hub, path, what),
  };
}

/** `onAnswer` receives each of the hub's own answers, redirects included. */
async function request(hub: Hub, path: string, init: RequestInput): Promise<Response> {
  const { endpoint, origin, token } = hub;
  let url = new URL(`${endpoint}${path}`);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const own = url.origin === origin;
    const headers = new Headers({ "accept-encoding": "identity", "user-agent": "attune", ...init.headers });
    if (own && token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const response = await withDeadline(hub, init.controller, () =>
      hub.fetch(url, { method: init.method, headers, redirect: "manual", signal: init.controller.signal }),
    );
    if (own) init.onAnswer?.(response);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return checked(hub, response, init.name);
    const next = new URL(location, url);
    // A redirect to another origin leads to the storage, which does not describe the file.
    if (init.method === "HEAD" && next.origin !== origin) return response;
    if (url.protocol === "https:" && next.protocol !== "https:") {
      throw new AppError("DOWNLOAD_FAILED", `${init.name} was redirected from https to ${next.protocol}`);
    }
    await response.body?.cancel();
    url = next;
  }
  throw new AppError("DOWNLOAD_FAILED", `${init.name} was redirected more than ${maxRedirects} times`);
}

function checked({ endpoint, repository }: Hub, response: Response, name: string): Response {
  const { status } = response;
  if (status >= 200 && status < 300) return response;
  if (status === 401 || status === 403 || status === 404) {
    throw new AppError(
      "NOT_FOUND",
      `${name}: ${endpoint} answers ${status}; check the name and revision at ${endpoint}/${repository}, and for a private or gated model accept its terms there and set HF_TOKEN`,
    );
  }
  if (status >= 500 || status === 429 || status === 408) throw new Error(`the server answers ${status}`);
  throw new AppError("DOWNLOAD_FAILED", `${name}: the server answers ${status}`);
}

async function withDeadline<T>({ idleTimeoutMs }: Hub, controller: AbortController, act: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => controller.abort(new Error(`nothing came for ${idleTimeoutMs} ms`)), idleTimeoutMs);
  try {
    return await act();
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    // fetch hides the reason (a refused connection, a name that does not resolve, a proxy's refusal)
    // in its innermost cause.
    let cause = error as Error;
    while (cause.cause instanceof Error) cause = cause.cause;
    if (cause === error) throw error;
    throw new Error(cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function* read(hub: Hub, response: Response, controller: AbortController): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await withDeadline(hub, controller, () => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function getText(hub: Hub, path: string): Promise<string> {
  const controller = new AbortController();
  const name = `hf:${hub.repository}`;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const response = await request(hub, path, { method: "GET", name, controller });
  for await (const chunk of read(hub, response, controller)) {
    size += chunk.length;
    if (size > maxListingBytes) throw new AppError("DOWNLOAD_FAILED", `${name}: the list of files never ends`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function describe(hub: Hub, path: string, name: string): Promise<FileDescription> {
  let linked: Named | undefined;
  let plain: Named | undefined;
  const onAnswer = ({ headers }: Response) => {
    // The linked headers describe the file itself; the plain headers may describe an answer on the way to the file.
    linked ??= named(headers.get("x-linked-etag"), headers.get("x-linked-size"));
    plain = named(headers.get("etag"), headers.get("content-length")) ?? plain;
  };
  await request(hub, path, { method: "HEAD", name, controller: new AbortController(), onAnswer });
  const { hash, size } = linked ?? plain ?? { hash: "", size: "" };
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) {
    throw new AppError("DOWNLOAD_FAILED", `${name}: ${hub.endpoint} names no hash to check it against (etag)`);
  }
  if (!/^\d{1,13}$/.test(size)) throw new AppError("DOWNLOAD_FAILED", `${name}: ${hub.endpoint} does not say its size`);
  return { hash, sizeBytes: Number(size) };
}

async function openBody(hub: Hub, path: string, { name, from }: { name: string; from: number }): Promise<Body> {
  const controller = new AbortController();
  const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  const response = await request(hub, path, { method: "GET", name, controller, headers });
  const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  const begin = response.status === 206 ? Number(range?.[1]) : 0;
  if (begin !== from && begin !== 0) {
    throw new AppError("DOWNLOAD_FAILED", `${name}: the server sends bytes from ${begin} where ${from} was asked`);
  }
  return { from: begin, chunks: read(hub, response, controller) };
}

interface Named {
  readonly hash: string;
  readonly size: string;
}

function named(etag: string | null, size: string | null): Named | undefined {
  return etag === null ? undefined : { hash: etag.replace(/^W\//, "").replaceAll('"', ""), size: size ?? "" };
}

interface RequestInput {
  readonly method: "GET" | "HEAD";
  readonly name: string;
  readonly controller: AbortController;
  readonly headers?: Record<string, string>;
  readonly onAnswer?: (response: Response) => void;
}
