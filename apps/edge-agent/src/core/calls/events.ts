// The events since a program or page asked last. Nothing is kept for the one that asks late: it finds the present
// state, the journal on the disk, and the latest lessons.

import type { AgentStatus } from "@attune/shared/contracts/local-api";
import {
  agentStateSchema,
  type Events,
  type EventsInput,
  eventsInputSchema,
} from "@attune/shared/contracts/local-events";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { createWakeup, waitAtMost } from "../concurrency/wakeup.js";

/** How long a change of the state or the journal may take to be seen. A lesson is seen at once. */
const lookMs = 500;
const pageEntries = 100;
const stateSchema = agentStateSchema.strip();

type EventContext = Pick<Context, "ports" | "egress" | "lessons">;
type Cursor = Events["next"];

export interface EventSource {
  /** Waits for the next events. Without any, it answers when `signal` aborts. Throws INVALID_INPUT. */
  next(input: EventsInput, signal: AbortSignal): Promise<Events>;
}

export function createEventSource(
  { ports, egress, lessons }: EventContext,
  readStatus: () => AgentStatus,
): EventSource {
  let states = 0;
  let last = "";

  /** The present state, which gets a number when it is first seen. */
  function present() {
    const state = stateSchema.parse(readStatus());
    const text = JSON.stringify(state);
    if (text !== last) states++;
    last = text;
    return state;
  }

  async function since(after: Cursor): Promise<Events> {
    const state = present();
    const entries = await egress.entries(after.journal, pageEntries);
    const lesson = lessons.count;
    return {
      events: [
        ...(after.state === states ? [] : [{ type: "state" as const, state }]),
        ...lessons.after(after.lesson).map((lesson) => ({ type: "lesson" as const, lesson })),
        ...entries.map((entry) => ({ type: "journal" as const, entry })),
      ],
      next: { state: states, lesson, journal: entries.at(-1)?.index ?? after.journal },
    };
  }

  return {
    async next(input, signal) {
      const { after = {} } = parseInput(eventsInputSchema, input);
      const tip = egress.ledger.journal.count - 1;
      const { state = 0, lesson = lessons.count, journal = tip } = after;
      // A place from another life of the device may lie beyond the end of its journal.
      const cursor = { state, lesson, journal: Math.min(journal, tip) };
      const wakeup = createWakeup();
      const unwatch = lessons.watch(wakeup.notify);
      try {
        for (;;) {
          const found = await since(cursor);
          if (found.events.length > 0 || signal.aborted) return found;
          await waitAtMost({ wakeup, clock: ports.clock }, lookMs, signal);
        }
      } finally {
        unwatch();
      }
    },
  };
}
