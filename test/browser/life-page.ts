// A page of the server's own origin, over the worker as it is built and shipped.

import { connectAgent, type WorkerAgent } from "@attune/edge-agent/web/agent-proxy";

export interface Life {
  readonly agent: WorkerAgent;
  /** Starts the loops, which run until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

const controller = new AbortController();
let running: Promise<void> | undefined;

const life: Life = {
  agent: connectAgent(new Worker("/app/worker.js", { type: "module" })),
  start() {
    running = life.agent.start(controller.signal);
  },
  async stop() {
    controller.abort();
    await running;
  },
};

Object.assign(globalThis, { life });
