// The record of the update under way. A state is on the disk before it is acted on, and an end
// together with its report.

import type { UpdateReason, UpdateState, Verdict } from "@attune/shared/contracts/current-state";
import type { Contracts } from "@attune/shared/contracts/egress";
import { type AgentState, keys } from "../agent-state.js";
import type { Egress } from "../egress/egress.js";
import { type Draft, stateDraft, verdictDraft } from "../egress/report.js";
import type { Ports, StoreOperation } from "../ports.js";
import { putRecord } from "../storage/records.js";
import { enter, type Target, type UpdateRecord } from "../update-state.js";

interface UpdateWriterParts {
  readonly ports: Pick<Ports, "store" | "clock" | "log">;
  readonly agentState: Pick<AgentState, "update" | "identity" | "activeSlot" | "candidate" | "believedRelease">;
  readonly egress: Pick<Egress, "queue" | "contract" | "rules">;
  readonly contracts: Contracts;
}

export interface Outcome {
  readonly state: UpdateState;
  readonly reason: UpdateReason;
  /** Present where the release was judged on what the person said. */
  readonly verdict?: Verdict | undefined;
}

/** The release that is under way. */
export function targetUnderWay({ update }: Pick<AgentState, "update">): Target {
  if (update.target === null) throw new Error("an update without a target is under way");
  return update.target;
}

export interface UpdateWriter {
  save(record: UpdateRecord, operations?: readonly StoreOperation[]): Promise<void>;
  enter(state: UpdateState, operations?: readonly StoreOperation[]): Promise<void>;
  /**
   * Writes an update's end and its report in one batch. The same outcome of one release is reported once. `runs`: the
   * release that runs now.
   */
  finish(outcome: Outcome, operations?: readonly StoreOperation[], runs?: number): Promise<void>;
}

export function createUpdateWriter({
  ports: { store, clock, log },
  agentState,
  egress,
  contracts,
}: UpdateWriterParts): UpdateWriter {
  async function save(record: UpdateRecord, operations: readonly StoreOperation[] = []): Promise<void> {
    await store.batch([...operations, putRecord(keys.update, record)]);
    agentState.update = record;
    log("info", "update.state", { state: record.state, release: record.target?.sequence ?? 0 });
  }

  /**
   * Contract 1 says with every outcome which release runs. A bounded contract says of which release it speaks, and of a
   * judged one the verdict.
   */
  function outcomeDraft(
    { state, reason, verdict }: Outcome,
    { runs, sequence }: { readonly runs: number; readonly sequence: number },
  ): Draft {
    const wording = { contracts, contract: egress.contract };
    if (egress.rules === undefined) {
      return stateDraft(wording, { releaseSequence: runs, state, reason });
    }
    if (verdict !== undefined) return verdictDraft(wording, verdict);
    return stateDraft(wording, { releaseSequence: state === "rolledBack" ? runs : sequence, state, reason });
  }

  return {
    save,
    enter: (state, operations) => save(enter(agentState.update, { state, nowMs: clock.nowMs() }), operations),

    async finish({ state, reason, verdict }, operations = [], runs = agentState.activeSlot?.sequence ?? 0) {
      const entered = enter(agentState.update, { state, reason, nowMs: clock.nowMs() });
      const outcome = `${state}/${reason}`;
      const known = entered.reported.includes(outcome);
      const record = known ? entered : { ...entered, reported: [...entered.reported, outcome] };
      const written = [...operations, putRecord(keys.update, record)];
      if (known || agentState.identity === undefined) await store.batch(written);
      else {
        const sequence = record.target?.sequence ?? runs;
        await egress.queue([outcomeDraft({ state, reason, verdict }, { runs, sequence })], written);
      }
      agentState.update = record;
      agentState.candidate = undefined;
      if (state !== "committed") agentState.believedRelease = undefined;
      const release = record.target?.sequence ?? 0;
      log(state === "committed" ? "info" : "warn", "update.end", { state, reason, release });
    },
  };
}
