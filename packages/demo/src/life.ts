// One person's life with one agent: it predicts each utterance, and the person labels it. At the end the head is
// trained and the agent's own numbers are read. After a kill, a life resumes where it was.

import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { AgentClient } from "./agent-client.js";
import type { Person } from "./people.js";

export interface LifeProgress {
  readonly done: number;
  readonly total: number;
  /** The last prediction and the person's label for it. */
  readonly predicted: string;
  readonly corrected: string;
  readonly head: "prior" | "personal";
}

const releaseTimeoutMs = 120_000;
const outboxTimeoutMs = 120_000;
/** Reasons that a second attempt with the same release would not change. */
const finalReasons: ReadonlySet<string> = new Set(["extractorInvalid", "goldenMismatch", "inferenceFailed"]);

/**
 * Waits until the agent runs a release, which it first downloads and tests. Throws INVALID_EXTRACTOR if
 * the agent refused it.
 */
async function awaitRelease(agent: AgentClient, signal: AbortSignal): Promise<AgentStatus> {
  return waitFor({
    agent,
    signal,
    timeoutMs: releaseTimeoutMs,
    reached: ({ release, updateState, updateReason }) => {
      if (release === null && updateState === "failed" && finalReasons.has(updateReason)) {
        throw new AppError("INVALID_EXTRACTOR", `the agent refused the release: ${updateReason}`);
      }
      return release !== null;
    },
    complaint: "the agent has received no release",
  });
}

/** Whether the report of a first slot has left, so that a short life ends with one too. Contract 1 has no slots. */
function hasReportedSlot(slot: AgentStatus["person"]["slot"]): boolean {
  return slot === null || slot.number > 1 || (slot.number === 1 && slot.reportDueInMs === null);
}

/** @returns the agent's numbers after the whole of the person's utterances, every report acknowledged by the broker */
export async function live(
  person: Person,
  agent: AgentClient,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: LifeProgress) => void },
): Promise<AgentStatus> {
  const { utterances } = await awaitRelease(agent, options.signal);
  const total = person.said.length;
  // Utterances are labelled in order, so the number of stored ones says where this life stands.
  for (let done = utterances.train + utterances.holdout; done < total; done++) {
    const said = person.said[done];
    if (said === undefined) break;
    const { label, head } = await agent.predict(said);
    await agent.label(said);
    options.onProgress({ done: done + 1, total, predicted: label, corrected: said.label, head });
  }
  await agent.learn();
  // A restarted daemon has no latencies yet; the hold-out's texts serve to measure them.
  if ((await agent.status()).predictP50Ms === null) {
    for (const said of person.said.filter(({ split }) => split === "holdout")) await agent.predict(said);
  }
  return waitFor({
    agent,
    signal: options.signal,
    timeoutMs: outboxTimeoutMs,
    reached: ({ outbox, person }) => outbox.pending === 0 && hasReportedSlot(person.slot),
    complaint: "reports are still waiting in the agent's outbox",
  });
}

async function waitFor(options: {
  readonly agent: AgentClient;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly reached: (status: AgentStatus) => boolean;
  readonly complaint: string;
}): Promise<AgentStatus> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const status = await options.agent.status();
    if (options.reached(status)) return status;
    if (performance.now() > deadline) {
      throw new AppError("TIMED_OUT", `${options.complaint} after ${options.timeoutMs / 1_000} s`);
    }
    await sleep(200, undefined, { signal: options.signal });
  }
}
