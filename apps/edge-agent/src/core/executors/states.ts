// One executor per state in which an update is under way. Each does its state's work and says which state follows.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { Contracts } from "@attune/shared/contracts/egress";
import { accept, type Result } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import type { Memory } from "../agent-state.js";
import type { Ports, StoreOperation } from "../ports.js";
import type { Pair } from "../prediction/pair.js";
import { putHighest } from "../trust/trust-records.js";
import type { Downloader } from "../update/download.js";
import { fetchRelease, verifySlot } from "../update/fetch-release.js";
import { loadSlot } from "../update/load-slot.js";
import type { ManifestExpectations } from "../update/verify.js";
import type { Gating } from "./gating.js";
import { underWay } from "./progress.js";

export interface StateParts {
  readonly ports: Pick<Ports, "files" | "hashing" | "engine" | "clock">;
  readonly memory: Pick<Memory, "record" | "root" | "highest" | "candidate">;
  /** The versions of the egress contract that this agent knows. */
  readonly contracts: Pick<Contracts, "versions">;
  readonly downloader: Downloader;
  readonly gating: Pick<Gating, "run">;
}

/** The next state, the operations written together with it, and the change of memory once they are on the disk. */
export interface Advance {
  readonly to: ActiveUpdateState;
  readonly operations?: readonly StoreOperation[];
  readonly done?: () => void;
}

export interface Stretch {
  readonly signal: AbortSignal;
  readonly remainingMs: number;
}

/** Undefined where the state stays: gating ends when its time is over, whatever the finding. */
type Executor = (parts: StateParts, stretch: Stretch) => Promise<Result<Advance | undefined, UpdateReason>>;

export const executorByState: Readonly<Record<ActiveUpdateState, Executor>> = {
  async downloading(parts, { signal }) {
    const { ports, downloader } = parts;
    const { files, hashing } = ports;
    const fetched = await fetchRelease({ files, hashing, downloader }, expectations(parts), signal);
    return fetched.ok ? accept({ to: "verifying" }) : fetched;
  },

  /** Only a release whose files passed from the disk moves trust forward. */
  async verifying(parts) {
    const { ports, memory } = parts;
    const expected = expectations(parts);
    const verified = await verifySlot(ports, expected);
    if (!verified.ok) return verified;
    const { target } = expected;
    const done = () => {
      memory.highest = target;
    };
    return accept({ to: "testing", operations: [putHighest(target)], done });
  },

  async testing({ ports, memory }) {
    const loaded = await loadCandidate(ports, memory);
    return loaded.ok ? accept({ to: "gating" }) : loaded;
  },

  async gating({ ports, memory, gating }, { signal, remainingMs }) {
    const loaded = memory.candidate === undefined ? await loadCandidate(ports, memory) : accept(memory.candidate);
    if (!loaded.ok) return loaded;
    await gating.run(loaded.value, remainingMs, signal);
    return accept(undefined);
  },
};

function expectations({ ports: { clock }, memory, contracts }: StateParts): ManifestExpectations {
  const { root, highest } = memory;
  if (root === undefined) throw new Error("an update is under way on a device that believes nobody");
  return { target: underWay(memory), root, highest, knownContracts: contracts.versions, nowMs: clock.nowMs() };
}

async function loadCandidate(
  ports: Pick<Ports, "files" | "hashing" | "engine">,
  memory: Pick<Memory, "record" | "candidate">,
): Promise<Result<Pair, UpdateReason>> {
  const loaded = await loadSlot(ports, underWay(memory));
  if (loaded.ok) memory.candidate = loaded.value;
  return loaded;
}
