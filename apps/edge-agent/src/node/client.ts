// The client for the person's own programs: the calls of the running agent, and its events as they come.

import { resolve } from "node:path";
import { type AgentEvent, agentEventSchema } from "@attune/shared/contracts/local-events";
import { eventsPath } from "@attune/shared/contracts/local-routes";
import { AppError } from "@attune/shared/errors";
import { readEnv } from "./env.js";
import { dataOfEvents } from "./event-lines.js";
import { homePaths, readLocalApi, readLocalToken } from "./home.js";
import {
  type CallOptions,
  faultIn,
  type LocalCalls,
  type LocalRequest,
  localCalls,
  otherVersion,
} from "./local-calls.js";

interface InHome {
  /** The agent's directory; default ATTUNE_AGENT_HOME, else ~/.attune-agent. */
  readonly home?: string;
  /** `predict` uses the token that may only predict. */
  readonly scope?: "all" | "predict";
}

interface AtAddress {
  readonly url: string;
  readonly token: string;
}

interface EventOptions extends CallOptions {
  /** The index of the last entry of the journal that was seen: later entries come first. */
  readonly after?: number;
}

interface AgentClient extends LocalCalls {
  /**
   * The present state, then what happens. Ends with the daemon, and when the reader is too slow.
   * Asked again with `after`, it misses no entry of the journal.
   */
  events(options?: EventOptions): AsyncGenerator<AgentEvent, void>;
}

/**
 * Nothing is sent before the first call. An agent that runs in `home` is found anew at each call. Each call throws the
 * AppError that the agent answered with, AGENT_NOT_RUNNING, or the signal's reason.
 */
export function connectAgent(where: InHome | AtAddress = {}): AgentClient {
  async function request({ method, path, body, signal }: LocalRequest, headers: Readonly<Record<string, string>> = {}) {
    const { url, token } = await addressOf(where);
    try {
      return await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        redirect: "error",
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new AppError("AGENT_NOT_RUNNING", `no agent answers at ${url}`, { cause });
    }
  }

  async function* events({ after, signal }: EventOptions = {}): AsyncGenerator<AgentEvent, void> {
    const place: Record<string, string> = after === undefined ? {} : { "last-event-id": String(after) };
    const response = await request({ method: "GET", path: eventsPath, signal }, place);
    if (!response.ok || response.body === null) throw faultIn(response.status, await response.json());
    for await (const data of dataOfEvents(response.body, signal)) {
      const event = agentEventSchema.safeParse(JSON.parse(data));
      if (!event.success) throw otherVersion(event.error);
      yield event.data;
    }
  }

  return {
    ...localCalls(async (call) => {
      const response = await request(call);
      return { status: response.status, value: await response.json() };
    }),
    events,
  };
}

async function addressOf(where: InHome | AtAddress): Promise<AtAddress> {
  if ("url" in where) return where;
  const paths = homePaths(resolve(where.home ?? readEnv().home));
  const address = await readLocalApi(paths);
  const token = await readLocalToken(where.scope === "predict" ? paths.predictToken : paths.localToken);
  if (address !== undefined && token !== undefined) return { url: address.url, token };
  throw new AppError("AGENT_NOT_RUNNING", `no agent is running in ${paths.home}`);
}
