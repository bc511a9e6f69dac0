// Enrolment and polls over tRPC, on the device's own HTTP client: bounded replies, no redirects, no header that
// says more than needed.

import type { AppRouter } from "@attune/server/app-router";
import { manifestVersionHeader, newestManifestVersion } from "@attune/shared/contracts/target-state";
import { AppError, isErrorCode } from "@attune/shared/errors";
import { createTRPCClient, TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import { z } from "zod";
import type { ControlTransport } from "../core/ports.js";
import { type HttpClient, readJson } from "./http-client.js";

const replyLimitBytes = 256 * 1024;

export function createTrpcTransport(client: HttpClient, server: string): ControlTransport {
  const trpc = createTRPCClient<AppRouter>({ links: [createLink(client, server)] });
  return {
    enrol: ({ message }, proof, signal) =>
      withAppError(trpc.device.enrol.mutate({ message, proof }, { signal: signal as globalThis.AbortSignal })),
    poll: ({ message }, signature, signal) =>
      withAppError(
        trpc.device.poll.mutate({ version: 2, message, signature }, { signal: signal as globalThis.AbortSignal }),
      ),
  };
}

/** tRPC's client wraps what the link threw. */
async function withAppError(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (error) {
    throw error instanceof TRPCClientError && error.cause !== undefined ? error.cause : error;
  }
}

interface Call {
  readonly path: string;
  readonly input: unknown;
  readonly signal: AbortSignal | null | undefined;
}

/** Replaces tRPC's httpLink, which loads Node's whole fetch: 10 MB of a device's memory for one POST. */
function createLink(client: HttpClient, server: string): TRPCLink<AppRouter> {
  return () =>
    ({ op }) =>
      observable((observer) => {
        post({ client, server }, op).then(
          (data) => {
            observer.next({ result: { type: "data", data } });
            observer.complete();
          },
          (error: Error) => observer.error(TRPCClientError.from(error)),
        );
      });
}

const replySchema = z.union([
  z.object({ result: z.object({ data: z.unknown() }) }),
  z.object({ error: z.object({ message: z.string(), data: z.object({ attune: z.object({ code: z.string() }) }) }) }),
]);

async function post(to: { client: HttpClient; server: string }, { path, input, signal }: Call): Promise<unknown> {
  const reply = await to.client.send({
    method: "POST",
    url: new URL(`/trpc/${path}`, to.server),
    headers: {
      "content-type": "application/json",
      ...(path === "device.poll" ? { [manifestVersionHeader]: String(newestManifestVersion) } : {}),
    },
    body: JSON.stringify(input),
    signal: signal ?? undefined,
    limitBytes: replyLimitBytes,
  });
  // A redirect would move the device to a server that it is not enrolled with.
  if (reply.status >= 300 && reply.status < 400) {
    throw new AppError("SERVER_UNAVAILABLE", `the server answered with a redirect (status ${reply.status})`);
  }
  const parsed = replySchema.safeParse(await readJson(reply));
  if (!parsed.success) throw notAttune(reply.status);
  if ("result" in parsed.data) return parsed.data.result.data;
  const { message, data } = parsed.data.error;
  if (!isErrorCode(data.attune.code)) throw notAttune(reply.status);
  throw new AppError(data.attune.code, message);
}

function notAttune(status: number): AppError {
  return new AppError("SERVER_UNAVAILABLE", `the reply (status ${status}) is not that of an attune server`);
}
