// The agent as the page uses it: the daemon behind its local API, or the worker of this page.

import type { AskableAgent } from "@attune/edge-agent/core/agent-api";

export type PageAgent = Pick<
  AskableAgent,
  "predict" | "label" | "forget" | "keep" | "entries" | "calendar" | "status" | "journal"
>;

/** The agent's refusal, in words for the person. */
export class AgentFault extends Error {
  override readonly name = "AgentFault";
  readonly code: string;
  readonly remedy: string;

  constructor({ code, message, remedy }: { readonly code: string; readonly message: string; readonly remedy: string }) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}
