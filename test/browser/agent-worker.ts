// A worker that hosts the whole agent core: the real engine, and the fakes' store, files, fleet and clock.

import { createAgent } from "@attune/edge-agent/core/agent";
import type { Agent } from "@attune/edge-agent/core/agent-api";
import { hostAgent, type PagePort } from "@attune/edge-agent/web/agent-host";
import { openWebEngine } from "@attune/edge-agent/web/engine";
import { createFakeFleet, fakeToken } from "@attune/fakes/fake-fleet";
import { createFaults } from "@attune/fakes/faults";
import { createMemoryFiles } from "@attune/fakes/memory-files";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher, createTestDeviceKey, createTestHashing } from "@attune/fakes/node-crypto";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { createVirtualClock } from "@attune/fakes/virtual-clock";
import { kernels, threadScript } from "./served.js";

/** The state that outlives a worker. */
export interface Disk {
  readonly store: Map<string, Uint8Array>;
  readonly files: Map<string, Uint8Array>;
}

/** The first message to the worker. */
export interface Start {
  readonly disk: Disk | undefined;
  readonly threads: number;
  /** Each message on this port is answered with a look into the worker. */
  readonly control: MessagePort;
}

export interface Look {
  readonly disk: Disk;
  /** The token that the fake fleet takes. */
  readonly token: string;
}

self.addEventListener(
  "message",
  ({ data }: MessageEvent<Start>) =>
    hostAgent({ page: self as unknown as PagePort, agent: openAgent(data), log: () => {} }),
  { once: true },
);

async function openAgent({ disk, threads, control }: Start): Promise<Agent> {
  const { engine, why } = await openWebEngine({ kernels, threadScript, threads });
  const faults = createFaults();
  const clock = createVirtualClock();
  const store = createMemoryStore(faults);
  const files = createMemoryFiles(faults);
  for (const [key, value] of disk?.store ?? []) store.contents.set(key, value);
  for (const [path, bytes] of disk?.files ?? []) files.contents.set(path, bytes);
  const fleet = createFakeFleet();
  fleet.nowMs = clock.nowMs;
  fleet.publish(createTinyRelease());
  const look: Look = { disk: { store: store.contents, files: files.contents }, token: fakeToken };
  control.onmessage = () => control.postMessage(look);
  const ports = {
    store,
    files,
    clock,
    engine,
    cipher: createTestCipher(),
    hashing: createTestHashing("device"),
    deviceKey: createTestDeviceKey(),
    control: fleet.control,
    downloads: fleet.downloads,
    reports: fleet.reports,
    log: () => {},
    engineChoice: why,
  };
  return createAgent(ports, { deviceKind: "phone", memoryMib: 4_096 });
}
