// The worker's side: answers a page's messages by calling the agent that lives in this worker.

import { faultOf } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { z } from "zod";
import type { Agent } from "../core/agent-api.js";
import type { Log } from "../core/ports.js";
import { agentCalls, type CallInput, type CallName, type CallOutput, type Reply, requestSchema } from "./messages.js";

/** The part of a dedicated worker's global scope that is used. */
export interface PagePort {
  postMessage(reply: Reply): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

interface HostParts {
  readonly page: PagePort;
  /** The agent, which may still be opening: calls wait for it, and fail with it. */
  readonly agent: Promise<Agent>;
  readonly log: Log;
}

type Performers = {
  readonly [Name in CallName]: (agent: Agent, input: CallInput<Name>, signal: AbortSignal) => Promise<CallOutput<Name>>;
};

const performers: Performers = {
  enrol: (agent, { token }, signal) => agent.enrol({ token, signal }),
  start: async (agent, _, signal) => void (await agent.start(signal)),
  predict: (agent, input) => agent.predict(input),
  label: (agent, input) => agent.label(input),
  forget: (agent, id) => agent.forget(id),
  keep: (agent, input) => agent.keep(input),
  entries: (agent, input) => agent.entries(input),
  calendar: (agent) => agent.calendar(),
  exportEntries: (agent, input) => agent.exportEntries(input),
  importEntry: (agent, input) => agent.importEntry(input),
  learn: (agent, input) => agent.learn(input),
  status: (agent) => agent.status(),
  journal: (agent, range) => agent.journal(range),
  agree: (agent, input) => agent.agree(input),
  letIn: (agent) => agent.letIn(),
  report: (agent) => agent.report(),
  events: (agent, input, signal) => agent.events(input, signal),
};

/** Listens from now on. A message outside of the contract is thrown, so that the worker's error event fires. */
export function hostAgent({ page, agent, log }: HostParts): void {
  const underWay = new Map<number, AbortController>();
  // A failed opening is reported by each call, so it needs no report of its own.
  agent.catch(() => undefined);

  async function answer(id: number, name: CallName, input: unknown): Promise<void> {
    const controller = new AbortController();
    underWay.set(id, controller);
    try {
      const output = await perform(await agent, { name, input, signal: controller.signal });
      page.postMessage({ kind: "output", id, output });
    } catch (error) {
      page.postMessage({ kind: "fault", id, fault: faultOf(faultIn(error, name)) });
    } finally {
      underWay.delete(id);
    }
  }

  /** Hides the message of an unknown error, which may quote an utterance. */
  function faultIn(error: unknown, call: CallName): AppError {
    if (error instanceof AppError) return error;
    log("error", "agentHost.fault", { call, kind: error instanceof Error ? error.name : typeof error });
    return new AppError("INTERNAL", "the agent failed to answer", { cause: error });
  }

  page.addEventListener("message", ({ data }) => {
    const request = requestSchema.safeParse(data);
    if (!request.success) throw new AppError("INVALID_INPUT", "a message to the agent's worker is not of the contract");
    if (request.data.kind === "abort") underWay.get(request.data.id)?.abort();
    else void answer(request.data.id, request.data.name, request.data.input);
  });
}

interface Call<Name extends CallName> {
  readonly name: Name;
  readonly input: unknown;
  readonly signal: AbortSignal;
}

function perform<Name extends CallName>(agent: Agent, { name, input, signal }: Call<Name>): Promise<CallOutput<Name>> {
  const schema = agentCalls[name].input as unknown as z.ZodType<CallInput<Name>>;
  return performers[name](agent, parseInput(schema, input), signal);
}
