// The calls of the local API over any carrier: each reply is parsed by its route's contract.

import { errorOf, errorReplySchema } from "@attune/shared/contracts/local-api";
import { type LocalOperation, localOperations } from "@attune/shared/contracts/local-operations";
import type { LocalCall } from "@attune/shared/contracts/local-routes";
import { AppError } from "@attune/shared/errors";
import type { z } from "zod";
import type { AskableAgent } from "../core/agent-api.js";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Each call of the agent, which may be aborted. */
export type LocalCalls = {
  readonly [Name in keyof AskableAgent]: (
    ...input: [...Parameters<AskableAgent[Name]>, options?: CallOptions]
  ) => ReturnType<AskableAgent[Name]>;
};

export interface LocalRequest extends CallOptions {
  readonly method: LocalOperation["method"];
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
}

interface LocalReply {
  readonly status: number;
  readonly value: unknown;
}

interface Asked extends CallOptions {
  readonly id?: string;
  readonly query?: Readonly<Record<string, number | undefined>>;
  readonly body?: unknown;
}

/** Each call throws what `send` throws, or the AppError that the daemon answered with. */
export function localCalls(send: (request: LocalRequest) => Promise<LocalReply>): LocalCalls {
  async function ask<Call extends LocalCall>(
    call: Call,
    { id = "", query = {}, body, signal }: Asked = {},
  ): Promise<z.output<(typeof localOperations)[Call]["reply"]>> {
    const { method, path, reply }: LocalOperation = localOperations[call];
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    const { status, value } = await send({
      method,
      path: path.replace(":id", encodeURIComponent(id)) + (given.length === 0 ? "" : `?${given.join("&")}`),
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (status < 200 || status >= 300) throw faultIn(status, value);
    const parsed = reply.safeParse(value);
    if (parsed.success) return parsed.data as z.output<(typeof localOperations)[Call]["reply"]>;
    throw otherVersion(parsed.error);
  }
  return {
    predict: (body, options) => ask("predict", { body, ...options }),
    label: ({ id, ...body }, options) => ask("label", { id, body, ...options }),
    forget: (id, options) => ask("forget", { id, ...options }),
    keep: ({ id, ...body }, options) => ask("keep", { id, body, ...options }),
    entries: (body = {}, options = {}) => ask("entries", { body, ...options }),
    calendar: (options) => ask("calendar", options),
    exportEntries: (body = {}, options = {}) => ask("exportEntries", { body, ...options }),
    importEntry: (body, options) => ask("importEntry", { body, ...options }),
    learn: (body = {}, options = {}) => ask("learn", { body, ...options }),
    status: (options) => ask("status", options),
    journal: async (query = {}, options = {}) => (await ask("journal", { query: { ...query }, ...options })).entries,
    report: (options) => ask("report", options),
    agree: (body, options) => ask("agree", { body, ...options }),
    letIn: (options) => ask("letIn", options),
  };
}

/** The error in a reply. */
export function faultIn(status: number, value: unknown): AppError {
  const failed = errorReplySchema.safeParse(value);
  if (failed.success) return errorOf(failed.data.error);
  return new AppError("INTERNAL", `the agent answered with status ${status}`);
}

export function otherVersion(error: z.ZodError): AppError {
  const field = error.issues[0]?.path.join(".") || "(whole)";
  return new AppError(
    "CONFLICT",
    `the agent is of another version than this program (its answer differs at ${field}); stop the agent and start it again`,
  );
}
