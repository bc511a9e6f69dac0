// The agent's status: its release, the state of its update, its head, and the amount that has left the device.

import { type Mixture, regretBound, regretOf } from "@attune/ml/online/mixture";
import { slugsOf } from "@attune/shared/contracts/label-set";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { type AgentState, type Context, headOf } from "../agent-state.js";
import { ledgerCapacityBits, ledgerPersonBits } from "../egress/ledger.js";
import { isExpired } from "../trust/target.js";

interface StatusInput {
  readonly outboxLimit: number;
  /** Whether gating waits until another release may be judged. */
  readonly isGatingHeld: boolean;
}

export function status(context: Context, { outboxLimit, isGatingHeld }: StatusInput): AgentStatus {
  const { ports, agentState, egress, utterances, verdicts, latencies } = context;
  const { learningState, measured, identity, update, connected, lastError } = agentState;
  const nowMs = ports.clock.nowMs();
  return {
    device: identity?.device ?? null,
    fleet: identity?.fleet ?? null,
    epoch: agentState.epoch,
    epochs: agentState.epochs,
    release: releaseStatus(agentState, nowMs),
    target: targetStatus(agentState, nowMs),
    updateState: update.state,
    updateReason: update.reason,
    engine: { name: ports.engine.name, why: ports.engineChoice() },
    utterances: utterances.counts,
    waiting: waitingStatus(context),
    head: { kind: learningState?.model.release.headRecipe.kind ?? null, active: headOf(agentState) },
    mixture: learningState === undefined ? null : mixtureStatus(learningState.live.mixture),
    f1Prior: measured?.f1Prior ?? null,
    f1Personal: measured?.f1Personal ?? null,
    trainMs: measured?.trainMs ?? null,
    predictP50Ms: latencies.percentile(0.5),
    predictP90Ms: latencies.percentile(0.9),
    outbox: { pending: egress.pending, limit: outboxLimit, held: agentState.reportsHeld },
    sent: sentStatus(egress),
    capacityBits: ledgerCapacityBits(egress.ledger),
    person: personStatus(egress),
    contract: { spoken: egress.contract, agreed: agentState.agreedContract },
    verdicts: {
      count: verdicts.count,
      nextInMs: verdicts.pauseLeftMs(),
      waiting: isGatingHeld ? (update.target?.sequence ?? null) : null,
    },
    connected: { ...connected },
    lastError: { ...lastError },
  };
}

function mixtureStatus(mixture: Mixture): AgentStatus["mixture"] {
  return {
    experts: mixture.experts.map((name, k) => ({ name, weight: mixture.weights[k]! })),
    labels: mixture.labels,
    behindBest: regretOf(mixture),
    atMost: regretBound(mixture),
  };
}

function personStatus(egress: Context["egress"]): AgentStatus["person"] {
  const view = egress.slot();
  const bits = ledgerPersonBits(egress.ledger);
  if (view === undefined) return { bits, slot: null };
  const { slot, spentBits, budgetBits, endsInMs, dueInMs = null } = view;
  return { bits, slot: { number: slot, bits: spentBits, budgetBits, endsInMs, reportDueInMs: dueInMs } };
}

function releaseStatus({ learningState }: AgentState, nowMs: number): AgentStatus["release"] {
  if (learningState === undefined) return null;
  const { sequence, model, modelVersion, labels, expiresAt } = learningState.model.release;
  return { sequence, model, modelVersion, labels, expiresAt, expired: nowMs > Date.parse(expiresAt) };
}

function waitingStatus({ agentState: { learningState }, utterances }: Context): AgentStatus["waiting"] {
  if (learningState === undefined) return [];
  const known = new Set(slugsOf(learningState.model.release.labels));
  const counts = new Map<string, number>();
  for (const { label } of utterances.kept().values()) {
    if (label !== null && !known.has(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, utterances]) => ({ label, utterances }));
}

function targetStatus({ lastAnswer }: AgentState, nowMs: number): AgentStatus["target"] {
  if (lastAnswer === undefined) return null;
  const { release, issuedAt, expiresAt } = lastAnswer;
  return { release, issuedAt, expiresAt, stale: isExpired(expiresAt, nowMs) };
}

function sentStatus({ ledger: { byPath } }: Context["egress"]): AgentStatus["sent"] {
  const paths = Object.values(byPath);
  return {
    messages: paths.reduce((sum, path) => sum + path.messages, 0),
    bytes: paths.reduce((sum, path) => sum + path.bytes, 0),
    byPath,
  };
}
