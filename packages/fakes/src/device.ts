// A device for tests: the real core over fake ports. It can die at any durable step and be restarted on what is left.

import { createAgent } from "@attune/edge-agent/core/agent";
import type { Agent, AgentOptions } from "@attune/edge-agent/core/agent-api";
import type { Ports } from "@attune/edge-agent/core/ports";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createFakeFleet, type FakeFleet, fakeToken } from "./fake-fleet.js";
import { createFaults, type Faults } from "./faults.js";
import { createMemoryFiles, type MemoryFiles } from "./memory-files.js";
import { createMemoryStore, type MemoryStore } from "./memory-store.js";
import { createTestCipher, createTestDeviceKey, createTestHashing } from "./node-crypto.js";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.js";

export interface Device {
  readonly fleet: FakeFleet;
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  readonly files: MemoryFiles;
  readonly faults: Faults;
  readonly ports: Ports;
  /** All log lines as one text. */
  readonly logged: string[];
  agent: Agent;
  /** Resolves when the agent logs that its update enters `state`, before the next step. */
  entered(state: string): Promise<void>;
  enrol(): Promise<void>;
  /** Starts the loops; the returned function stops them in an orderly way. */
  start(): () => Promise<void>;
  /** Starts a new process on the same disk. */
  restart(): void;
}

export function createDevice(options: Partial<AgentOptions> = {}, fleet: FakeFleet = createFakeFleet()): Device {
  const faults = createFaults();
  const clock = createVirtualClock();
  const store = createMemoryStore(faults);
  const files = createMemoryFiles(faults);
  const startMs = clock.nowMs();
  fleet.nowMs = () => startMs + clock.monotonicMs();
  const logged: string[] = [];
  const waiting = new Map<unknown, () => void>();
  const ports: Ports = {
    store,
    files,
    clock,
    cipher: createTestCipher(),
    hashing: createTestHashing("device"),
    deviceKey: createTestDeviceKey(),
    control: fleet.control,
    downloads: fleet.downloads,
    reports: fleet.reports,
    log(level, event, fields) {
      logged.push(`${level} ${event} ${JSON.stringify(fields)}`);
      if (event === "update.state") waiting.get(fields.state)?.();
    },
    engine: referenceEngine,
    engineChoice: () => "a test",
  };
  const fresh = () => createAgent(ports, { deviceKind: "linux", memoryMib: 2_048, ...options });
  const device: Device = {
    fleet,
    clock,
    store,
    files,
    faults,
    ports,
    logged,
    agent: fresh(),
    entered: (state) => new Promise((resolve) => waiting.set(state, resolve)),
    async enrol() {
      await device.agent.enrol({ token: fakeToken });
    },
    start() {
      const controller = new AbortController();
      const ended = device.agent.start(controller.signal);
      ended.catch(() => undefined);
      return async () => {
        controller.abort();
        await ended.catch(() => undefined);
      };
    },
    restart() {
      faults.revive();
      device.agent = fresh();
    },
  };
  return device;
}
