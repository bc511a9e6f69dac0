// A page that speaks to an agent in a worker through the proxy, as the phone's screens will.

import { connectAgent, type WorkerAgent } from "@attune/edge-agent/web/agent-proxy";
import { sayings } from "@attune/fakes/tiny-release";
import type { Disk, Look, Start } from "./agent-worker.js";

export interface AgentHelpers {
  readonly sayings: typeof sayings;
  /** `script` is the built worker's by default. */
  open(options?: { disk?: Disk; threads?: number; script?: string }): OpenedAgent;
  until(condition: () => Promise<boolean>): Promise<void>;
}

export interface OpenedAgent {
  readonly agent: WorkerAgent;
  look(): Promise<Look>;
}

const helpers: AgentHelpers = {
  sayings,
  open({ disk, threads = 1, script = "/bundle/agent-worker.js" } = {}) {
    const worker = new Worker(script, { type: "module" });
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ disk, threads, control: port2 } satisfies Start, [port2]);
    return {
      agent: connectAgent(worker),
      look: () =>
        new Promise((resolve) => {
          port1.onmessage = ({ data }) => resolve(data);
          port1.postMessage("look");
        }),
    };
  },
  async until(condition) {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  },
};

Object.assign(globalThis, { agents: helpers });
