// One executor per state in which an update is under way. Each does its state's work and says which state follows.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { Contracts } from "@attune/shared/contracts/egress";
import type { Release } from "@attune/shared/contracts/release";
import { accept, type Result } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import type { AgentState } from "../agent-state.js";
import type { Ports, StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { putHighest } from "../trust/trust-records.js";
import type { Downloader } from "../update/download.js";
import { fetchRelease, verifySlot } from "../update/fetch-release.js";
import { loadSlot } from "../update/load-slot.js";
import type { ManifestExpectations } from "../update/verify.js";
import type { Gating } from "./gating.js";
import { targetUnderWay } from "./update-writer.js";

interface StateParts {
  readonly ports: Pick<Ports, "files" | "hashing" | "engine" | "clock" | "log">;
  readonly agentState: Pick<AgentState, "update" | "root" | "highestRelease" | "candidate" | "believedRelease">;
  /** The versions of the egress contract that this agent knows. */
  readonly contracts: Pick<Contracts, "versions">;
  readonly downloader: Downloader;
  readonly gating: Pick<Gating, "run">;
}

/**
 * The next state, the operations written together with it, and the change of the agent's state once they
 * are on the disk.
 */
interface Advance {
  readonly to: ActiveUpdateState;
  readonly operations?: readonly StoreOperation[];
  readonly onWritten?: () => void;
}

export interface RunLimits {
  readonly signal: AbortSignal;
  readonly remainingMs: number;
}

/** Undefined where the state stays: gating ends when its time is over, whatever the finding. */
type Executor = (parts: StateParts, limits: RunLimits) => Promise<Result<Advance | undefined, UpdateReason>>;

export const executorByState: Readonly<Record<ActiveUpdateState, Executor>> = {
  async downloading(parts, { signal }) {
    const { ports, agentState, downloader } = parts;
    const { files, hashing, log } = ports;
    const onManifest = (release: Release): void => {
      agentState.believedRelease = release;
    };
    const fetched = await fetchRelease({ files, hashing, log, downloader, onManifest }, expectations(parts), signal);
    return fetched.ok ? accept({ to: "verifying" }) : fetched;
  },

  /** Only a release whose files passed from the disk moves trust forward. */
  async verifying(parts) {
    const { ports, agentState } = parts;
    const expected = expectations(parts);
    const verified = await verifySlot(ports, expected);
    if (!verified.ok) return verified;
    const { target } = expected;
    const onWritten = () => {
      agentState.highestRelease = target;
    };
    return accept({ to: "testing", operations: [putHighest(target)], onWritten });
  },

  async testing({ ports, agentState }) {
    const loaded = await loadCandidate(ports, agentState);
    return loaded.ok ? accept({ to: "gating" }) : loaded;
  },

  async gating({ ports, agentState, gating }, { signal, remainingMs }) {
    const loaded =
      agentState.candidate === undefined ? await loadCandidate(ports, agentState) : accept(agentState.candidate);
    if (!loaded.ok) return loaded;
    await gating.run({ model: loaded.value, remainingMs, signal });
    return accept(undefined);
  },
};

function expectations({ ports: { clock }, agentState, contracts }: StateParts): ManifestExpectations {
  const { root, highestRelease } = agentState;
  if (root === undefined) throw new Error("an update is under way on a device that believes nobody");
  return {
    target: targetUnderWay(agentState),
    root,
    highest: highestRelease,
    knownContracts: contracts.versions,
    nowMs: clock.nowMs(),
  };
}

async function loadCandidate(
  ports: Pick<Ports, "files" | "hashing" | "engine">,
  agentState: Pick<AgentState, "update" | "candidate">,
): Promise<Result<Model, UpdateReason>> {
  const loaded = await loadSlot(ports, targetUnderWay(agentState));
  if (loaded.ok) agentState.candidate = loaded.value;
  return loaded;
}
