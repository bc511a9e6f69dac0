// The page's side: an agent in a worker, behind the same interface. Each call is a message, and each answer is parsed.

import { errorOf } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { Agent } from "../core/agent-api.js";
import {
  agentCalls,
  type CallInput,
  type CallName,
  type CallOutput,
  type Reply,
  type Request,
  replySchema,
} from "./messages.js";

/** The part of `Worker` that is used. */
interface WorkerPort {
  postMessage(request: Request): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error" | "messageerror", listener: () => void): void;
  terminate(): void;
}

export interface WorkerAgent extends Agent {
  /** Ends the worker. Calls without an answer, and later calls, reject with AGENT_NOT_RUNNING. */
  close(): void;
}

interface Pending {
  readonly name: CallName;
  readonly resolve: (output: unknown) => void;
  readonly reject: (reason: AppError) => void;
}

interface Calling<Name extends CallName> {
  readonly name: Name;
  readonly input: CallInput<Name>;
  readonly signal?: AbortSignal | undefined;
}

/** The proxy owns the worker. An abort crosses to the worker, and the call settles with the agent's own answer. */
export function connectAgent(worker: WorkerPort): WorkerAgent {
  const pending = new Map<number, Pending>();
  let ended: AppError | undefined;
  let lastId = 0;

  function end(reason: AppError): void {
    ended ??= reason;
    worker.terminate();
    for (const { reject } of pending.values()) reject(ended);
    pending.clear();
  }

  function receive(data: unknown): void {
    const parsed = replySchema.safeParse(data);
    const call = parsed.success ? pending.get(parsed.data.id) : undefined;
    if (!parsed.success || call === undefined) {
      end(otherContract());
      return;
    }
    pending.delete(parsed.data.id);
    settle(call, parsed.data);
  }

  function settle({ name, resolve, reject }: Pending, reply: Reply): void {
    if (reply.kind === "fault") {
      reject(errorOf(reply.fault));
      return;
    }
    const output = agentCalls[name].output.safeParse(reply.output);
    if (output.success) resolve(output.data);
    else reject(otherContract());
  }

  worker.addEventListener("message", ({ data }) => receive(data));
  worker.addEventListener("messageerror", () => end(otherContract()));
  // The event's own message stays unread: an error in the worker may quote an utterance.
  worker.addEventListener("error", () => {
    end(new AppError("AGENT_NOT_RUNNING", "the agent's worker could not be started, or an error ended it"));
  });

  function call<Name extends CallName>({ name, input, signal }: Calling<Name>): Promise<CallOutput<Name>> {
    if (ended !== undefined) return Promise.reject(ended);
    const id = ++lastId;
    const abort = () => worker.postMessage({ kind: "abort", id });
    const output = new Promise<unknown>((resolve, reject) => {
      pending.set(id, { name, resolve, reject });
      worker.postMessage({ kind: "call", id, name, input });
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    return output.finally(() => signal?.removeEventListener("abort", abort)) as Promise<CallOutput<Name>>;
  }

  return {
    enrol: ({ token, signal }) => call({ name: "enrol", input: { token }, signal }),
    start: (signal) => call({ name: "start", input: undefined, signal }),
    predict: (input) => call({ name: "predict", input }),
    label: (input) => call({ name: "label", input }),
    forget: (id) => call({ name: "forget", input: id }),
    keep: (input) => call({ name: "keep", input }),
    entries: (input) => call({ name: "entries", input }),
    calendar: () => call({ name: "calendar", input: undefined }),
    exportEntries: (input) => call({ name: "exportEntries", input }),
    importEntry: (input) => call({ name: "importEntry", input }),
    learn: (input) => call({ name: "learn", input }),
    status: () => call({ name: "status", input: undefined }),
    journal: (range) => call({ name: "journal", input: range }),
    agree: (input) => call({ name: "agree", input }),
    letIn: () => call({ name: "letIn", input: undefined }),
    report: () => call({ name: "report", input: undefined }),
    events: (input, signal) => call({ name: "events", input, signal }),
    close: () => end(new AppError("AGENT_NOT_RUNNING", "the agent's worker was closed")),
  };
}

function otherContract(): AppError {
  return new AppError("CONFLICT", "the page and the agent's worker are of different versions; load the page again");
}
