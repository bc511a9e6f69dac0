// The person's side of one agent: its local HTTP API, which retries while the daemon restarts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isPresentSync } from "@attune/platform/presence";
import {
  type AgentStatus,
  agentStatusSchema,
  errorOf,
  errorReplySchema,
  journalPageSchema,
  type Prediction,
  predictionSchema,
} from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Said } from "./people.js";

export interface AgentClient {
  predict(said: Said): Promise<Prediction>;
  label(said: Said): Promise<void>;
  learn(): Promise<void>;
  status(): Promise<AgentStatus>;
  /** The whole journal, oldest entry first. */
  journal(): Promise<unknown[]>;
}

/** How long a daemon may be away (killed, restarting) before its silence counts as a failure. */
const timeoutMs = 60_000;

/** @param home the agent's directory; its address and token are read anew whenever the daemon has restarted */
export function createAgentClient(home: string, signal: AbortSignal): AgentClient {
  async function attempt(method: string, path: string, body: unknown): Promise<unknown> {
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(readFileSync(join(home, "local-api.json"), "utf8")));
    const token = readFileSync(join(home, "local-token"), "utf8").trim();
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const reply: unknown = await response.json();
    if (response.ok) return reply;
    throw replyError(reply, response.status);
  }

  /** Every call is idempotent (utterances carry the caller's id), so a retry is always safe. */
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      try {
        if (isPresentSync(join(home, "local-api.json"))) return await attempt(method, path, body);
      } catch (error) {
        if (error instanceof AppError && !error.retryable) throw error;
        if (performance.now() > deadline) throw error;
      }
      if (performance.now() > deadline) {
        throw new AppError("TIMED_OUT", `the agent in ${home} has not answered for ${timeoutMs / 1_000} s`);
      }
      await sleep(200, undefined, { signal });
    }
  }

  return {
    predict: async ({ text }) => predictionSchema.parse(await call("POST", "/v1/predictions", { text })),
    async label({ id, text, label, split }) {
      await call("PUT", `/v1/utterances/${id}`, { text, label, split });
    },
    async learn() {
      await call("POST", "/v1/learn", { report: true });
    },
    status: async () => agentStatusSchema.parse(await call("GET", "/v1/status")),
    async journal() {
      const entries: { index: number }[] = [];
      for (;;) {
        const after = entries.at(-1)?.index;
        const page = journalPageSchema.parse(
          await call("GET", `/v1/journal${after === undefined ? "" : `?after=${after}`}`),
        );
        if (page.entries.length === 0) return entries;
        entries.push(...page.entries);
      }
    },
  };
}

function replyError(reply: unknown, status: number): AppError {
  const parsed = errorReplySchema.safeParse(reply);
  if (parsed.success) return errorOf(parsed.data.error);
  return new AppError("SERVER_UNAVAILABLE", `the agent answered with status ${status}`);
}
