// Every HTTP client of an agent answers alike to a server that is slow, cut off, too generous or elsewhere.

export interface HttpCase {
  /** The path names the server's behaviour. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborts once the first bytes of the body are there. */
  readonly isAborted?: true;
  readonly expected: HttpSeen;
}

export interface HttpSeen {
  /** Absent where the attempt failed before the reply's head. */
  readonly status?: number;
  readonly body?: string;
  /** The code of an AppError, or an error's name. */
  readonly fault?: string;
}

export const idleTimeoutMs = 300;
export const limitBytes = 1_000;

export const httpCases: readonly HttpCase[] = [
  { path: "/reply/whole", expected: { status: 200, body: "whole" } },
  { path: "/reply/range", headers: { range: "bytes=4-" }, expected: { status: 206, body: "bytes=4-" } },
  { path: "/reply/absent", expected: { status: 404, body: "absent" } },
  { path: "/reply/empty", expected: { status: 204, body: "" } },
  { path: "/reply/slow", expected: { status: 200, body: "abcdefgh" } },
  { path: "/reply/cut", expected: { status: 200, fault: "SERVER_UNAVAILABLE" } },
  { path: "/reply/cut-chunks", expected: { status: 200, fault: "SERVER_UNAVAILABLE" } },
  { path: "/reply/long", expected: { status: 200, fault: "REPLY_TOO_LARGE" } },
  { path: "/reply/silent", expected: { fault: "TIMED_OUT" } },
  { path: "/reply/stalled", expected: { status: 200, fault: "TIMED_OUT" } },
  { path: "/reply/reset", expected: { fault: "SERVER_UNAVAILABLE" } },
  { path: "/reply/stalled", isAborted: true, expected: { status: 200, fault: "AbortError" } },
];
