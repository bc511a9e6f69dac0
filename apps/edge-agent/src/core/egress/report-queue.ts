// Queues reports. A report gets its epoch, number and journal entry at once, or as a kept draft once the server
// has believed a poll.

import { personSizes } from "@attune/shared/contracts/egress-declaration";
import type { ReportType } from "@attune/shared/contracts/report";
import type { StoreOperation } from "../ports.js";
import type { PendingChange } from "../storage/pending-change.js";
import { keepDraft } from "./drafts.js";
import { addEntries, type EgressParts, type EgressState, passAgain, passGate, requireSender } from "./egress-state.js";
import type { Gated } from "./gate.js";
import { putLedger } from "./ledger.js";
import { enqueueReport } from "./outbox.js";
import type { Draft } from "./report.js";

export interface ReportQueue {
  /**
   * Writes reports, their journal entries, the counter and `operations` in one batch, and returns the reports'
   * sequences. Before `confirm` the reports are kept without numbers; their sequences hold unless a new epoch begins.
   */
  queue(drafts: readonly Draft[], operations: readonly StoreOperation[]): Promise<number[]>;
  /**
   * Called once the server has believed a poll of this process. Reports get their numbers from now on, and kept
   * reports get them now.
   */
  confirm(): Promise<void>;
  /**
   * Begins the numbers anew, in one batch with `operations`. Reports are kept without numbers until the next `confirm`.
   */
  renumber(operations: readonly StoreOperation[]): Promise<void>;
}

export function createReportQueue(parts: EgressParts, state: EgressState): ReportQueue {
  const { store } = parts;
  const { exclusive } = state;
  return {
    queue: (drafts, operations) =>
      exclusive(async () => {
        const last = state.ledger.reports + state.drafts.length;
        const pinned = await pinDrafts(parts, state, drafts);
        const reports = numbered(parts, pinned, { last, pass: passGate });
        const charge = chargePerson(parts, state, reports);
        const written = charge === undefined ? operations : [...operations, ...charge.operations];
        if (state.confirmed) await putIntoOutbox(parts, state, { reports, operations: written });
        else await keepDrafts(store, state, { drafts: reports.map(draftOf), operations: written });
        charge?.onWritten();
        return reports.map(({ message }) => message.sequence);
      }),

    confirm: () =>
      exclusive(async () => {
        if (state.drafts.length > 0) {
          const drafts = state.drafts.map(({ draft }) => draft);
          const operations = state.drafts.map(({ remove }) => remove);
          const reports = numbered(parts, drafts, { last: state.ledger.reports, pass: passAgain });
          await putIntoOutbox(parts, state, { reports, operations });
          state.drafts = [];
        }
        state.confirmed = true;
      }),

    renumber: (operations) =>
      exclusive(async () => {
        const ledger = { ...state.ledger, polls: 0, reports: 0 };
        await store.batch([...operations, putLedger(ledger)]);
        state.ledger = ledger;
        state.confirmed = false;
      }),
  };
}

/**
 * No maker of a report chooses anything beside the words about the person or the device: neither version,
 * slot nor judged release.
 */
async function pinDrafts(
  { contract, announced, judgedRelease }: EgressParts,
  { slotClock }: EgressState,
  drafts: readonly Draft[],
): Promise<Draft[]> {
  const version = contract();
  const isAboutPerson = drafts.some(({ type }) => type === "report.slot" || type === "report.verdict");
  const slot = isAboutPerson ? (await slotClock.advance())?.slot : undefined;
  const pins: { readonly [type: string]: object } = {
    "report.slot": { slot, releaseSequence: announced(version).releaseSequence },
    "report.verdict": { releaseSequence: judgedRelease() },
  };
  return drafts.map((draft) => ({ ...draft, ...pins[draft.type], contract: version }) as Draft);
}

interface Numbering {
  readonly last: number;
  readonly pass: (parts: EgressParts, type: ReportType, message: unknown) => Gated<ReportType>;
}

/** The reports under the numbers after `last`, as `pass` lets them pass. */
function numbered(parts: EgressParts, drafts: readonly Draft[], { last, pass }: Numbering): Gated<ReportType>[] {
  const { device, epoch } = requireSender(parts);
  return drafts.map((draft, i) => pass(parts, draft.type, { ...draft, device, epoch, sequence: last + 1 + i }));
}

/** The report as the gate let it pass, without its numbers. */
function draftOf({ message }: Gated<ReportType>): Draft {
  const { device: _device, epoch: _epoch, sequence: _sequence, ...draft } = message;
  return draft as Draft;
}

/**
 * A report counts in the slot in which it is made, whenever it leaves. Throws EGRESS_DENIED where the
 * slot's budget is spent.
 */
function chargePerson(
  { contracts }: EgressParts,
  { slotClock }: EgressState,
  reports: readonly Gated<ReportType>[],
): PendingChange | undefined {
  const sizes = reports.flatMap(({ type, message }) =>
    personSizes(contracts.declaration(message.contract, type)!, message),
  );
  return slotClock.charge(
    sizes,
    reports.some(({ type }) => type === "report.slot"),
  );
}

interface ReportBatch {
  readonly reports: readonly Gated<ReportType>[];
  readonly operations: readonly StoreOperation[];
}

async function putIntoOutbox(parts: EgressParts, state: EgressState, { reports, operations }: ReportBatch) {
  const first = state.ledger.journal.count;
  const entries = await addEntries(parts, state, reports);
  const ledger = { ...entries.ledger, reports: state.ledger.reports + reports.length };
  const queued = reports.map((report, i) => enqueueReport(report, first + i));
  await parts.store.batch([...operations, ...queued, ...entries.operations, putLedger(ledger)]);
  state.ledger = ledger;
  state.sendable += reports.length;
  if (reports.length > 0) parts.onQueued();
}

interface DraftBatch {
  readonly drafts: readonly Draft[];
  readonly operations: readonly StoreOperation[];
}

async function keepDrafts(store: EgressParts["store"], state: EgressState, { drafts, operations }: DraftBatch) {
  const place = (state.drafts.at(-1)?.place ?? -1) + 1;
  const kept = drafts.map((draft, i) => keepDraft(place + i, draft));
  await store.batch([...operations, ...kept.map(({ put }) => put)]);
  state.drafts = [...state.drafts, ...kept];
}
