// Enrolment and polls over tRPC, on the device's own HTTP client: bounded replies, no redirects, no header that says more than needed.

import type { AppRouter } from "@attune/server/app-router";
import { AppError, isErrorCode } from "@attune/shared/errors";
import { createTRPCClient, TRPCClientError } from "@trpc/client";
import { httpLink } from "@trpc/client/links/httpLink";
import type { ControlTransport } from "../core/ports.js";
import { type HttpClient, readJson } from "./http-client.js";

const replyLimitBytes = 256 * 1024;

export function createTrpcTransport(client: HttpClient, server: string): ControlTransport {
  const trpc = createTRPCClient<AppRouter>({
    links: [httpLink({ url: new URL("/trpc", server).href, fetch: createFetch(client) })],
  });
  return {
    enrol: ({ message }, signal) =>
      withAppError(trpc.device.enrol.mutate({ message }, { signal: signal as globalThis.AbortSignal })),
    poll: ({ message }, signature, signal) =>
      withAppError(trpc.device.poll.mutate({ message, signature }, { signal: signal as globalThis.AbortSignal })),
  };
}

async function withAppError(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (cause) {
    throw toAppError(cause);
  }
}

type Fetch = NonNullable<Parameters<typeof httpLink>[0]["fetch"]>;

function createFetch(client: HttpClient): Fetch {
  return async (input, init) => {
    const reply = await client.send({
      method: "POST",
      url: new URL(String(input)),
      headers: { "content-type": "application/json" },
      body: String(init?.body),
      signal: init?.signal ?? undefined,
      limitBytes: replyLimitBytes,
    });
    // A redirect would move the device to a server that nobody enrolled it with.
    if (reply.status >= 300 && reply.status < 400) {
      throw new AppError("SERVER_UNAVAILABLE", `the server answered with a redirect (status ${reply.status})`);
    }
    const value = await readJson(reply);
    return { ok: reply.status >= 200 && reply.status < 300, json: async () => value };
  };
}

/** The server's own code where it gave one; otherwise it could not be reached or is not an attune server. */
function toAppError(error: unknown): unknown {
  if (!(error instanceof TRPCClientError)) return error;
  const { attune } = (error.data ?? {}) as { attune?: { code?: unknown } };
  if (isErrorCode(attune?.code)) return new AppError(attune.code, error.message, { cause: error });
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AppError || cause.name === "AbortError") return cause;
  }
  return new AppError("SERVER_UNAVAILABLE", "the server's reply is not that of an attune server", { cause: error });
}
