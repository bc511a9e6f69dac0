// A device that speaks contract 2 and rarely polls, with the instant of everything that leaves it:
// months pass in seconds.

import type { Ports } from "@attune/edge-agent/core/ports";
import type { Release1 } from "@attune/shared/contracts/release";
import { createDevice, type Device } from "./device.js";
import { createTestHashing } from "./node-crypto.js";
import { createTinyRelease, type TinyRelease, type TinyReleaseOptions } from "./tiny-release.js";

interface Departure {
  /** By the device's steady clock, which starts at 0. */
  readonly atMs: number;
  readonly path: "trpc" | "https" | "nats";
  readonly text: string;
}

export interface BoundedDevice extends Device {
  readonly departures: Departure[];
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  /** Starts the loops. */
  begin(): void;
  /** Ends the process, lets its time pass, and starts the next. */
  off(ms: number): Promise<void>;
  stop(): Promise<void>;
  /** The reports of a type that have left, in order, each with its instant. */
  left(type: string): { readonly atMs: number; readonly text: string; readonly message: Record<string, unknown> }[];
}

/** A release of contract 2, valid for ten years. */
export function boundedRelease(options: TinyReleaseOptions = {}, contract = 2): TinyRelease {
  const amend = (release: Release1): Release1 => ({
    ...(options.amend?.(release) ?? release),
    egressContractVersion: contract,
    expiresAt: "2036-11-01T00:00:00Z",
  });
  return createTinyRelease({ ...options, amend });
}

/** The device runs the release already. Its random bytes repeat with `seed`. */
export async function createBoundedDevice(release: TinyRelease, seed = ""): Promise<BoundedDevice> {
  const device = boundedDevice(createDevice(), seed);
  device.fleet.publish(release);
  await device.enrol();
  device.begin();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  return device;
}

/**
 * Another device on a copy of the disk of `from`, whose process has ended. Its clock shows the same time; its
 * process has not begun.
 */
export function forkBoundedDevice(from: BoundedDevice, release: TinyRelease): BoundedDevice {
  const device = createDevice();
  for (const [key, value] of from.store.contents) device.store.contents.set(key, value);
  for (const [path, bytes] of from.files.contents) device.files.contents.set(path, bytes);
  for (const [id, body] of from.fleet.received) device.fleet.received.set(id, body);
  const forkedMs = from.clock.nowMs();
  device.clock.setWall(forkedMs);
  device.fleet.nowMs = () => forkedMs + device.clock.monotonicMs();
  device.fleet.publish(release);
  return boundedDevice(device, "");
}

function boundedDevice(device: Device, seed: string): BoundedDevice {
  const { clock, fleet } = device;
  fleet.pollIntervalMs = 43_200_000;
  const departures: Departure[] = [];
  const leave = (path: Departure["path"], bytes: Uint8Array) =>
    departures.push({ atMs: clock.monotonicMs(), path, text: new TextDecoder().decode(bytes) });
  Object.assign(device.ports, {
    hashing: { ...device.ports.hashing, randomBytes: bytesByInstant(clock, seed) },
    control: {
      enrol: (cleared, ...rest) => {
        leave("trpc", cleared.bytes);
        return fleet.control.enrol(cleared, ...rest);
      },
      poll: (cleared, ...rest) => {
        leave("trpc", cleared.bytes);
        return fleet.control.poll(cleared, ...rest);
      },
    },
    downloads: {
      get: (cleared, signal) => {
        leave("https", cleared.bytes);
        return fleet.downloads.get(cleared, signal);
      },
    },
    reports: {
      async connect(...credentials) {
        const connection = await fleet.reports.connect(...credentials);
        return {
          ...connection,
          publish(cleared, ...rest) {
            leave("nats", cleared.bytes);
            return connection.publish(cleared, ...rest);
          },
        };
      },
    },
  } satisfies Partial<Ports>);
  let stopLoops = async () => {};
  const bounded: BoundedDevice = Object.assign(device, {
    departures,
    pass: (ms: number) => clock.sleep(ms, new AbortController().signal),
    async off(ms: number) {
      await bounded.stop();
      await bounded.pass(ms);
      device.restart();
      bounded.begin();
    },
    begin() {
      stopLoops = device.start();
    },
    stop: () => stopLoops(),
    left: (type: string) =>
      departures
        .filter(({ path }) => path === "nats")
        .map(({ atMs, text }) => ({ atMs, text, message: JSON.parse(text) }))
        .filter(({ message }) => message.type === type),
  });
  device.restart();
  return bounded;
}

/** Random bytes that depend on the instant alone, so that draws at one instant change no draw at another. */
function bytesByInstant({ monotonicMs }: { monotonicMs(): number }, seed: string): Ports["hashing"]["randomBytes"] {
  let instantMs = -1;
  let draw = createTestHashing("").randomBytes;
  return (length) => {
    if (monotonicMs() !== instantMs) {
      instantMs = monotonicMs();
      draw = createTestHashing(`${seed} ${instantMs}`).randomBytes;
    }
    return draw(length);
  };
}
