// GET /v1/events: the agent's events as Server-Sent Events, until the reader or the daemon ends.

import { once } from "node:events";
import type { AgentEvent, Events } from "@attune/shared/contracts/local-events";
import { AppError } from "@attune/shared/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Agent } from "../core/agent-api.js";
import { childController } from "../core/concurrency/timeout.js";
import type { Log } from "../core/ports.js";
import { faultFields } from "./fault.js";

export interface EventPace {
  /** A comment follows so long a silence, so that both ends notice a connection that is gone. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly stalledMs: number;
}

export const usualPace: EventPace = { heartbeatMs: 15_000, stalledMs: 30_000 };

interface StreamParts {
  readonly agent: Pick<Agent, "events">;
  readonly log: Log;
  readonly pace: EventPace;
}

/** Nothing waits for a slow reader here: the next events are asked for once it has taken the last. */
export async function streamEvents(
  { agent, log, pace }: StreamParts,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const after = placeIn(headers["last-event-id"]);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  raw.flushHeaders();
  const ended = new AbortController();
  raw.once("close", () => ended.abort());
  try {
    let next: Partial<Events["next"]> = after;
    while (!ended.signal.aborted) {
      const found = await within(pace.heartbeatMs, ended.signal, (signal) => agent.events({ after: next }, signal));
      const text = found.events.map(inLines).join("") || ": no news\n\n";
      // A reader that is gone, or that takes nothing, ends the wait and the stream.
      if (!raw.write(text)) await within(pace.stalledMs, ended.signal, (signal) => once(raw, "drain", { signal }));
      next = found.next;
    }
  } catch (error) {
    if (!ended.signal.aborted) log("warn", "localApi.eventsEnded", faultFields(error));
  } finally {
    raw.destroy();
  }
}

/** An event of the journal carries its index as id, so a reader that comes back misses no entry. */
function placeIn(lastEventId: string | string[] | undefined): Partial<Events["next"]> {
  if (lastEventId === undefined || lastEventId === "") return {};
  if (typeof lastEventId === "string" && /^\d{1,15}$/.test(lastEventId)) return { journal: Number(lastEventId) };
  throw new AppError("INVALID_INPUT", "the header Last-Event-ID is not the id of an event of this agent");
}

function inLines(event: AgentEvent): string {
  const id = event.type === "journal" ? `id: ${event.entry.index}\n` : "";
  return `event: ${event.type}\n${id}data: ${JSON.stringify(event)}\n\n`;
}

/** Runs the task with a signal that aborts after `ms`, or with `ended`. */
async function within<T>(ms: number, ended: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { controller, detach } = childController(ended);
  const timer = setTimeout(() => controller.abort(), ms);
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(timer);
    detach();
  }
}
