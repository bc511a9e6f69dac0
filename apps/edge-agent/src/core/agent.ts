// The agent: observe, plan, execute. The composition of the core over a host's ports.

import { type Contracts, createContracts } from "@attune/shared/contracts/egress";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { AppError, codeOf } from "@attune/shared/errors";
import type { ActiveUpdateState, Agent, AgentOptions } from "./agent-api.js";
import { type AgentState, type Context, readAgentState } from "./agent-state.js";
import { agree } from "./calls/agree.js";
import { exportEntries, importEntry } from "./calls/copy-entries.js";
import { calendar, entries } from "./calls/diary.js";
import { enrol } from "./calls/enrol.js";
import { createEventSource, type EventSource } from "./calls/events.js";
import { forget } from "./calls/forget.js";
import { keep } from "./calls/keep.js";
import { label } from "./calls/label.js";
import { learn } from "./calls/learn.js";
import { predict } from "./calls/predict.js";
import { report } from "./calls/report.js";
import { status } from "./calls/status.js";
import { createExclusive } from "./concurrency/exclusive.js";
import { createWakeup, type Wakeup } from "./concurrency/wakeup.js";
import { spokenContract } from "./egress/consent.js";
import { openEgress } from "./egress/egress.js";
import type { Announced } from "./egress/egress-state.js";
import { createExecutors, type Executors } from "./executors/executors.js";
import { doDueWork } from "./jobs/due-work.js";
import { forgetReturned } from "./learning/forget.js";
import { createLearner } from "./learning/learner.js";
import { createLessons } from "./learning/lessons.js";
import { renameEarlierRecords } from "./learning/record-names.js";
import { openScores } from "./learning/scores.js";
import { openTombstones } from "./learning/tombstones.js";
import { openUtterances } from "./learning/utterances.js";
import { pollLoop } from "./loops/poll-loop.js";
import { refitLoop } from "./loops/refit-loop.js";
import { reportLoop } from "./loops/report-loop.js";
import { slotLoop } from "./loops/slot-loop.js";
import { updateLoop } from "./loops/update-loop.js";
import type { Ports } from "./ports.js";
import { createLatencies } from "./prediction/latencies.js";
import { createDownloader } from "./update/download.js";
import { openVerdicts } from "./update/verdicts.js";

const defaultDeadlinesMs: Readonly<Record<ActiveUpdateState, number>> = {
  downloading: 6 * 3_600_000,
  verifying: 600_000,
  testing: 600_000,
  gating: 3_600_000,
};
const defaultBackoff = { minMs: 500, maxMs: 300_000 };
const defaultRequestTimeoutMs = 30_000;
const defaultOutboxLimit = 10_000;
const defaultJournalPage = 1_000;

type Settings = ReturnType<typeof withDefaults>;

function withDefaults(options: AgentOptions) {
  return {
    ...options,
    outboxLimit: options.outboxLimit ?? defaultOutboxLimit,
    backoff: options.backoff ?? defaultBackoff,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    deadlinesMs: { ...defaultDeadlinesMs, ...options.deadlinesMs },
  };
}

interface OpenAgent {
  readonly context: Context;
  readonly executors: Executors;
  readonly status: () => AgentStatus;
  readonly events: EventSource;
  /** Notified when the server asks for a release, or the person lets a release in. */
  readonly updateWakeup: Wakeup;
  /** Notified when a report is queued or the broker's credentials change. */
  readonly reportWakeup: Wakeup;
  /** Notified when a label was learned. */
  readonly refitWakeup: Wakeup;
  /** Notified when the person agrees to a contract, or a release is committed. */
  readonly slotWakeup: Wakeup;
}

/** Nothing is read or sent before the first call, which opens the store. */
export function createAgent(ports: Ports, options: AgentOptions): Agent {
  const settings = withDefaults(options);
  let opening: Promise<OpenAgent> | undefined;

  /** A failed opening, for example on a full disk, may be retried. */
  function opened(): Promise<OpenAgent> {
    opening ??= openAgent(ports, settings).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  return {
    start: async (signal) => runLoops(await opened(), settings, signal),
    async enrol({ token, signal = new AbortController().signal }) {
      const { context } = await opened();
      return enrol(context, { token, options, timeoutMs: settings.requestTimeoutMs, signal });
    },
    predict: async (input) => predict((await opened()).context, input),
    async label(input) {
      const { context, refitWakeup } = await opened();
      const labelled = await label(context, input);
      refitWakeup.notify();
      return labelled;
    },
    forget: async (id) => forget((await opened()).context, id),
    keep: async (input) => keep((await opened()).context, input),
    entries: async (input) => entries((await opened()).context, input),
    calendar: async () => calendar((await opened()).context),
    exportEntries: async (input) => exportEntries((await opened()).context, input),
    importEntry: async (input) => importEntry((await opened()).context, input),
    learn: async (input) => learn((await opened()).context, input),
    async agree({ contract }) {
      const { context, slotWakeup } = await opened();
      const agreed = await agree(context, contract);
      slotWakeup.notify();
      return agreed;
    },
    async letIn() {
      const { executors, updateWakeup } = await opened();
      const release = executors.letWaitingIn() ?? null;
      updateWakeup.notify();
      return { release };
    },
    report: async () => report((await opened()).context),
    status: async () => (await opened()).status(),
    events: async (input, signal) => (await opened()).events.next(input, signal),
    async journal({ after = -1, limit = defaultJournalPage } = {}) {
      return (await opened()).context.egress.entries(after, limit);
    },
  };
}

async function openAgent(ports: Ports, settings: Settings): Promise<OpenAgent> {
  const { log } = ports;
  const reportWakeup = createWakeup();
  const refitWakeup = createWakeup();
  const slotWakeup = createWakeup();
  const updateWakeup = createWakeup();
  const context = await openContext(ports, settings, reportWakeup.notify);
  const { egress, contracts, utterances, learner, scores } = context;
  const { backoff, requestTimeoutMs } = settings;
  const downloader = createDownloader({ ...ports, egress, contracts, backoff, requestTimeoutMs });
  const executors = createExecutors({ context, downloader, onCommit: slotWakeup.notify });
  const returned = await forgetReturned({ store: ports.store, utterances, learner, scores });
  if (returned > 0) log("warn", "forgotten.again", { utterances: returned });
  await executors.restore();
  await executors.tidy();
  // Work that was due when the process died comes before anything new can be learned. The agent answers meanwhile. Work
  // that fails here stays due.
  context
    .exclusive(() => doDueWork(context))
    .catch((error: unknown) => log("warn", "learning.postponed", { code: codeOf(error) }));
  const statusNow = () => status(context, { outboxLimit: settings.outboxLimit, isGatingHeld: executors.isHeld() });
  const events = createEventSource(context, statusNow);
  return { context, executors, status: statusNow, events, updateWakeup, reportWakeup, refitWakeup, slotWakeup };
}

async function openContext(ports: Ports, settings: Settings, onQueued: () => void): Promise<Context> {
  const { store, files, cipher, hashing, clock, engine } = ports;
  const contracts = createContracts(settings.contracts);
  const agentState = await readAgentState(ports);
  const egress = await openEgress({
    ...ports,
    contracts,
    contract: () => contractOf(agentState, contracts),
    outboxLimit: settings.outboxLimit,
    releases: () => knownReleases(agentState),
    judgedRelease: () => agentState.update.target?.sequence ?? 0,
    announced: (version) => announce(agentState, contracts.rules(version) !== undefined),
    sender: () => agentState.identity && { device: agentState.identity.device, epoch: agentState.epoch },
    onQueued,
  });
  const tombstones = await openTombstones({ files, hashing });
  await renameEarlierRecords({ store, cipher, hashing });
  const utterances = await openUtterances({ store, cipher, hashing, tombstones });
  return {
    ports,
    agentState,
    egress,
    contracts,
    utterances,
    tombstones,
    learner: createLearner({ store, cipher, clock, engine, utterances }),
    scores: await openScores({ store, cipher }),
    lessons: createLessons(),
    verdicts: await openVerdicts(store, clock),
    latencies: createLatencies(),
    exclusive: createExclusive(),
  };
}

/**
 * The version of the egress contract that this device speaks now. The first release decides it as soon as
 * its manifest is believed.
 */
function contractOf({ agreedContract, learningState, believedRelease }: AgentState, contracts: Contracts): number {
  const release = learningState?.model.release ?? believedRelease;
  return spokenContract({ contracts, agreed: agreedContract, release: release?.egressContractVersion });
}

/** The releases that the server has signed and asked this device to run; 0 stands for none. */
function knownReleases({ activeSlot, update }: AgentState): number[] {
  const sequences = [activeSlot?.sequence, activeSlot?.previous?.sequence, update.target?.sequence];
  return [0, ...sequences.filter((sequence) => sequence !== undefined)];
}

/**
 * Under a bounded contract a gated release counts as tested, so that no other message says its verdict
 * before the verdict leaves.
 */
function announce({ activeSlot, update }: AgentState, isBounded: boolean): Announced {
  const { state, reason } = update;
  const releaseSequence = activeSlot?.sequence ?? 0;
  if (!isBounded) return { releaseSequence, state, reason };
  return {
    releaseSequence,
    state: state === "gating" ? "testing" : state,
    reason: reason === "personalInferior" ? "none" : reason,
  };
}

/**
 * A bounded contract says how long a release is gated: from its test to its verdict. The first
 * release needs no verdict.
 */
function deadlinesNow({ deadlinesMs }: Settings, { egress, agentState }: Context): Settings["deadlinesMs"] {
  const { rules } = egress;
  return rules === undefined || agentState.learningState === undefined
    ? deadlinesMs
    : { ...deadlinesMs, gating: rules.verdictDelayMs };
}

async function runLoops(open: OpenAgent, settings: Settings, signal: AbortSignal): Promise<void> {
  const { context } = open;
  if (context.agentState.identity === undefined) {
    throw new AppError("NOT_ENROLLED", "this device has no identity yet");
  }
  const parts = {
    ...settings,
    ...open,
    deadlinesMs: () => deadlinesNow(settings, context),
  };
  await Promise.all([pollLoop, updateLoop, reportLoop, refitLoop, slotLoop].map((loop) => loop(parts, signal)));
  // An orderly end finishes what is being written.
  await context.exclusive(async () => undefined);
}
