// The `attune` commands: their names and what the list says of them. Each is loaded only when it is run.

import type { Command } from "./command.js";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: "start",
    summary: "start the server and three agents, and show how each tunes itself to its person",
    load: async () => (await import("./start.js")).startCommand,
  },
  {
    name: "demo",
    summary: "do the same for six people, to completion",
    load: async () => (await import("./demo.js")).demoCommand,
  },
  {
    name: "bench",
    summary: "measure predictions, training of heads and cold starts beside the peers",
    load: async () => (await import("./bench.js")).benchCommand,
  },
  {
    name: "server",
    summary: "run the server: database, bus, registry, rollouts, ingestion",
    load: async () => (await import("./server.js")).serverCommand,
  },
  {
    name: "pretrain",
    summary: "train a feature extractor on a labelled dataset",
    load: async () => (await import("./pretrain.js")).pretrainCommand,
  },
  {
    name: "extractor",
    summary: "import a checkpoint, or freeze a feature extractor for publishing",
    load: async () => (await import("./extractor.js")).extractorCommand,
  },
  {
    name: "experiment",
    summary: "rerun the paper's tables beside its numbers and honest baselines",
    load: async () => (await import("./experiment.js")).experimentCommand,
  },
  {
    name: "publish",
    summary: "publish a frozen extractor as a signed release",
    load: async () => (await import("./publish.js")).publishCommand,
  },
  {
    name: "release",
    summary: "list the releases, or show one",
    load: async () => (await import("./release.js")).releaseCommand,
  },
  {
    name: "fleet",
    summary: "create a fleet, or list them",
    load: async () => (await import("./fleet.js")).fleetCommand,
  },
  {
    name: "rollout",
    summary: "roll a release out to a fleet, or show how its rollout stands",
    load: async () => (await import("./rollout.js")).rolloutCommand,
  },
  {
    name: "token",
    summary: "create a one-time enrolment token",
    load: async () => (await import("./token.js")).tokenCommand,
  },
  {
    name: "device",
    summary: "list the devices, or revoke one",
    load: async () => (await import("./device.js")).deviceCommand,
  },
  {
    name: "report",
    summary: "list what devices have reported, or sum it up",
    load: async () => (await import("./report.js")).reportCommand,
  },
  {
    name: "audit",
    summary: "compare a device's journal with what the server received",
    load: async () => (await import("./audit.js")).auditCommand,
  },
];
