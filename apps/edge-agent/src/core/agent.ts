// The agent: observe, plan, execute. The composition of the core over a host's ports.

import { createContracts } from "@attune/shared/contracts/egress";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { ActiveUpdateState, Agent, AgentOptions } from "./agent-api.js";
import { type Context, readAgentState } from "./agent-state.js";
import { enrol } from "./calls/enrol.js";
import { createLessons, type Lessons } from "./calls/lessons.js";
import { createExclusive } from "./concurrency/exclusive.js";
import { createWakeup } from "./concurrency/wakeup.js";
import { putConsent, spokenContract } from "./egress/consent.js";
import { openEgress } from "./egress/egress.js";
import { ledgerCapacityBits } from "./egress/ledger.js";
import { createExecutors, type Executors } from "./executors/executors.js";
import { forgetReturned } from "./learning/forget.js";
import { createLearner } from "./learning/learner.js";
import { renameEarlierRecords } from "./learning/record-names.js";
import { openTombstones } from "./learning/tombstones.js";
import { openUtterances } from "./learning/utterances.js";
import { codeOf, type LoopParts } from "./loops/loop-parts.js";
import { pollLoop } from "./loops/poll-loop.js";
import { reportLoop } from "./loops/report-loop.js";
import { updateLoop } from "./loops/update-loop.js";
import type { Ports } from "./ports.js";
import { isOver } from "./trust/target.js";
import { createDownloader } from "./update/download.js";
import { openVerdicts } from "./update/verdicts.js";

const defaultDeadlinesMs: Readonly<Record<ActiveUpdateState, number>> = {
  downloading: 6 * 3_600_000,
  verifying: 600_000,
  testing: 600_000,
  gating: 3_600_000,
};
const defaultBackoff = { minimumMs: 500, maximumMs: 300_000 };
const defaultRequestTimeoutMs = 30_000;
const defaultOutboxLimit = 10_000;
const defaultJournalPage = 1_000;

interface Opened {
  readonly context: Context;
  readonly lessons: Lessons;
  readonly executors: Executors;
}

/** Nothing is read or sent before the first call, which opens the store. */
export function createAgent(ports: Ports, options: AgentOptions): Agent {
  const { store, cipher, hashing, clock, log, engine } = ports;
  const outboxLimit = options.outboxLimit ?? defaultOutboxLimit;
  const backoff = options.backoff ?? defaultBackoff;
  const requestTimeoutMs = options.requestTimeoutMs ?? defaultRequestTimeoutMs;
  const deadlinesMs = { ...defaultDeadlinesMs, ...options.deadlinesMs };
  const contracts = createContracts(options.contracts);
  const updateWakeup = createWakeup();
  const reportWakeup = createWakeup();
  let opening: Promise<Opened> | undefined;

  /** A failed opening, for example on a full disk, may be retried. */
  function opened(): Promise<Opened> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function open(): Promise<Opened> {
    const agentState = await readAgentState(ports);
    const sender = () =>
      agentState.identity === undefined ? undefined : { device: agentState.identity.device, epoch: agentState.epoch };
    const contract = () =>
      spokenContract({
        known: contracts.versions,
        agreed: agentState.agreedContract,
        release: agentState.learningState?.model.release.egressContractVersion,
      });
    const egress = await openEgress({
      store,
      cipher,
      hashing,
      clock,
      log,
      contracts,
      contract,
      outboxLimit,
      sender,
      onQueued: reportWakeup.notify,
    });
    const tombstones = await openTombstones({ files: ports.files, hashing });
    await renameEarlierRecords({ store, cipher, hashing });
    const utterances = await openUtterances({ store, cipher, hashing, tombstones });
    const learner = createLearner({ store, cipher, clock, engine, utterances });
    const verdicts = await openVerdicts(store, clock);
    const context: Context = { ports, agentState, egress, contracts, utterances, tombstones, learner, verdicts };
    const exclusive = createExclusive();
    const lessons = createLessons(context, exclusive);
    const downloader = createDownloader({ ...ports, egress, backoff, requestTimeoutMs });
    const executors = createExecutors({ context, downloader, exclusive, settle: lessons.settle });
    const returned = await forgetReturned({ store, utterances, learner });
    if (returned > 0) log("warn", "forgotten.again", { utterances: returned });
    await executors.restore();
    await executors.tidy();
    // Work that was due when the process died comes before anything new can be learned. The agent answers meanwhile. Work that fails here
    // stays due.
    lessons.settleSoon().catch((error: unknown) => log("warn", "lesson.postponed", { code: codeOf(error) }));
    return { context, lessons, executors };
  }

  async function start(signal: AbortSignal): Promise<void> {
    const { context, executors, lessons } = await opened();
    if (context.agentState.identity === undefined)
      throw new AppError("NOT_ENROLLED", "this device has no identity yet");
    const parts: LoopParts = {
      context,
      executors,
      deadlinesMs,
      backoff,
      requestTimeoutMs,
      updateWakeup,
      reportWakeup,
      onRoom: lessons.settleSoon,
    };
    await Promise.all([pollLoop(parts, signal), updateLoop(parts, signal), reportLoop(parts, signal)]);
    // An orderly end finishes the current lesson.
    await lessons.idle();
  }

  async function status(): Promise<AgentStatus> {
    const { context, lessons, executors } = await opened();
    const { agentState, egress, utterances, verdicts } = context;
    const { learningState, fitted, identity, update, connected, lastError, lastAnswer } = agentState;
    const nowMs = clock.nowMs();
    const release = learningState?.model.release;
    const { byPath } = egress.ledger;
    const paths = Object.values(byPath);
    return {
      device: identity?.device ?? null,
      fleet: identity?.fleet ?? null,
      epoch: agentState.epoch,
      epochs: agentState.epochs,
      release: release
        ? {
            sequence: release.sequence,
            model: release.model,
            modelVersion: release.modelVersion,
            expiresAt: release.expiresAt,
            expired: nowMs > Date.parse(release.expiresAt),
          }
        : null,
      target: lastAnswer
        ? {
            release: lastAnswer.release,
            issuedAt: lastAnswer.issuedAt,
            expiresAt: lastAnswer.expiresAt,
            stale: isOver(lastAnswer.expiresAt, nowMs),
          }
        : null,
      updateState: update.state,
      updateReason: update.reason,
      engine: { name: engine.name, why: ports.engineChoice() },
      utterances: utterances.counts,
      head: { kind: release?.headRecipe.kind ?? null, active: fitted?.choice ?? "prior" },
      f1Prior: fitted?.f1Prior ?? null,
      f1Personal: fitted?.f1Personal ?? null,
      trainMs: fitted?.trainMs ?? null,
      predictP50Ms: lessons.latencies.percentile(0.5),
      predictP90Ms: lessons.latencies.percentile(0.9),
      outbox: { pending: egress.pending, limit: outboxLimit, held: agentState.reportsHeld },
      sent: {
        messages: paths.reduce((sum, path) => sum + path.messages, 0),
        bytes: paths.reduce((sum, path) => sum + path.bytes, 0),
        byPath,
      },
      capacityBits: ledgerCapacityBits(egress.ledger),
      contract: { spoken: egress.contract, agreed: agentState.agreedContract },
      verdicts: {
        count: verdicts.count,
        nextInMs: verdicts.pauseLeftMs(),
        waiting: executors.isHeld() ? (update.target?.sequence ?? null) : null,
      },
      connected: { ...connected },
      lastError: { ...lastError },
    };
  }

  return {
    start,
    status,
    async enrol({ token, signal }) {
      const { context } = await opened();
      const stop = signal ?? new AbortController().signal;
      return enrol(context, { token, options, timeoutMs: requestTimeoutMs, signal: stop });
    },
    predict: async (input) => (await opened()).lessons.predict(input),
    label: async (input) => (await opened()).lessons.label(input),
    forget: async (id) => (await opened()).lessons.forget(id),
    learn: async (input) => (await opened()).lessons.learn(input),
    async agree({ contract }) {
      const { agentState, egress } = (await opened()).context;
      if (!contracts.versions.includes(contract)) {
        throw new AppError(
          "INVALID_INPUT",
          `contract: ${contract} is no version of the egress contract that is known here`,
        );
      }
      await store.batch([putConsent(contract)]);
      agentState.agreedContract = contract;
      return { spoken: egress.contract, agreed: contract };
    },
    report: async () => (await opened()).lessons.report(),
    async journal({ after = -1, limit = defaultJournalPage } = {}) {
      return (await opened()).context.egress.entries(after, limit);
    },
  };
}
