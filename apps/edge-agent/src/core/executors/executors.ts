// One executor per state of an update. Each does its state's work and, when that went well, records the next state.

import type { UpdateReason, UpdateState } from "@attune/shared/contracts/current-state";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import { stateDraft } from "../egress/report.js";
import { createGating, type GatingView } from "../gating.js";
import { removeOtherSets } from "../learning/features-cache.js";
import { relearnKey } from "../learning/forget.js";
import type { Fitted, Student } from "../learning/learner.js";
import { type Context, keys } from "../memory.js";
import type { Pair } from "../pair.js";
import { maximumCrashes } from "../plan.js";
import type { StoreOperation } from "../ports.js";
import { putRecord } from "../records.js";
import type { Serial } from "../serial.js";
import { begin, enter, recover, type Target, type UpdateRecord } from "../state.js";
import { putHighest } from "../trust/trust-records.js";
import type { Downloader } from "../update/download.js";
import { checkReleaseFiles, loadSlot, readAcceptedManifest, readManifest } from "../update/load-slot.js";
import { type ActiveSlot, pruneSlots, slotBytes, slotDirectory, slotFile } from "../update/slots.js";
import { contentOf } from "../update/verdicts.js";
import { verifyManifest } from "../update/verify.js";

export interface ExecutorParts {
  readonly context: Context;
  readonly downloader: Downloader;
  /** The same as the lessons': a commit must not interleave with a label. */
  readonly serial: Serial;
  /** After a commit: reports may be due that waited for a release. */
  readonly settle: () => Promise<void>;
}

/** For work that already runs inside the serial, or before anything else can. */
const alreadyAlone: Serial = (task) => task();

export function createExecutors({ context, downloader, serial, settle }: ExecutorParts) {
  const { ports, memory, egress, learner } = context;
  const { store, files, hashing, clock, log } = ports;
  const gating = createGating({ context, serial, commit, reject });
  /** The pair under test, so that gating need not load it again. */
  let candidate: Pair | undefined;

  async function save(record: UpdateRecord, operations: readonly StoreOperation[] = []): Promise<void> {
    await store.batch([...operations, putRecord(keys.update, record)]);
    memory.record = record;
    log("info", "update.state", { state: record.state, release: record.target?.sequence ?? 0 });
  }

  /** An update's end and its report in one batch. The same outcome of the same release is reported once. */
  async function finish(
    { state, reason }: { state: UpdateState; reason: UpdateReason },
    operations: readonly StoreOperation[] = [],
    runs: number = memory.active?.sequence ?? 0,
  ): Promise<void> {
    const entered = enter(memory.record, { state, reason, nowMs: clock.nowMs() });
    const outcome = `${state}/${reason}`;
    const known = entered.reported.includes(outcome);
    const record = known ? entered : { ...entered, reported: [...entered.reported, outcome] };
    const drafts = known || memory.identity === undefined ? [] : [stateDraft(runs, { state, reason })];
    const written = [...operations, putRecord(keys.update, record)];
    if (drafts.length > 0) await egress.queue(drafts, written);
    else await store.batch(written);
    memory.record = record;
    candidate = undefined;
    log(state === "committed" ? "info" : "warn", "update.end", {
      state,
      reason,
      release: record.target?.sequence ?? 0,
    });
  }

  function underWay(): Target {
    if (memory.record.target === null) throw new Error("an update without a target is under way");
    return memory.record.target;
  }

  function checkManifest(bytes: Uint8Array) {
    const { root } = memory;
    if (root === undefined) throw new Error("an update is under way on a device that believes nobody");
    const expected = { target: underWay(), root, highest: memory.highest, nowMs: clock.nowMs() };
    return verifyManifest(bytes, expected, hashing);
  }

  async function download(signal: AbortSignal): Promise<Result<void, UpdateReason>> {
    const { sequence, manifestSha256 } = underWay();
    const kept = await readManifest(ports, sequence);
    const isKept = kept !== undefined && (await hashing.sha256(kept)) === manifestSha256;
    const fetchedManifest = isKept ? accept(kept) : await downloader.manifest(manifestSha256, signal);
    if (!fetchedManifest.ok) return fetchedManifest;
    const bytes = fetchedManifest.value;
    const manifest = await checkManifest(bytes);
    if (!manifest.ok) return manifest;
    if (!isKept) {
      await files.remove(slotDirectory(sequence));
      await files.writeDurably(slotFile(sequence, "manifest.json"), bytes);
    }
    for (const file of manifest.value.files) {
      const fetched = await downloader.file(sequence, file, signal);
      if (!fetched.ok) return fetched;
    }
    await save(enter(memory.record, { state: "verifying", nowMs: clock.nowMs() }));
    return accept(undefined);
  }

  /** Everything once more, from the disk: what is checked is what will run. Only then does trust move forward. */
  async function verify(): Promise<Result<void, UpdateReason>> {
    const target = underWay();
    const bytes = await readManifest(ports, target.sequence);
    if (bytes === undefined) return refuse("sizeMismatch", "the manifest is missing");
    const manifest = await checkManifest(bytes);
    if (!manifest.ok) return manifest;
    const checked = await checkReleaseFiles(ports, manifest.value);
    if (!checked.ok) return checked;
    await save(enter(memory.record, { state: "testing", nowMs: clock.nowMs() }), [putHighest(target)]);
    memory.highest = target;
    return accept(undefined);
  }

  async function test(): Promise<Result<void, UpdateReason>> {
    const loaded = await loadSlot(ports, underWay());
    if (!loaded.ok) return loaded;
    candidate = loaded.value;
    await save(enter(memory.record, { state: "gating", nowMs: clock.nowMs() }));
    return accept(undefined);
  }

  async function gate(signal: AbortSignal, remainingMs: number): Promise<Result<void, UpdateReason>> {
    if (candidate === undefined) {
      const loaded = await loadSlot(ports, underWay());
      if (!loaded.ok) return loaded;
      candidate = loaded.value;
    }
    await gating.run(candidate, remainingMs, signal);
    return accept(undefined);
  }

  /** Runs inside `serial`. */
  async function commit(student: Student, fitted: Fitted): Promise<void> {
    const target = underWay();
    const previous = memory.active ?? null;
    const active: ActiveSlot = {
      version: 1,
      ...target,
      previous: previous && { sequence: previous.sequence, manifestSha256: previous.manifestSha256 },
    };
    const ran = context.verdicts.note(await contentOf(student.pair.release, hashing));
    const operations = [
      ...(await learner.removeHeads(student.features)),
      ...(await learner.save(student, fitted)),
      { type: "delete", key: relearnKey } as const,
      putRecord(keys.active, active),
      ran.operation,
    ];
    await finish({ state: "committed", reason: "none" }, operations, target.sequence);
    ran.done();
    memory.active = active;
    memory.student = student;
    memory.fitted = fitted;
    await afterCommit();
  }

  async function reject(): Promise<void> {
    await finish({ state: "rejected", reason: "personalInferior" });
    await tidy();
  }

  /** What remains is made up for by the next label and the next start: it cannot turn a commit into a failure. */
  async function afterCommit(): Promise<void> {
    try {
      await settle();
      await tidy();
    } catch (error) {
      log("warn", "update.unfinished", { code: error instanceof AppError ? error.code : "INTERNAL" });
    }
  }

  /** Removes what no state needs any more. Whatever a crash leaves is removed at the next start. */
  async function tidy(): Promise<void> {
    const { active, record, student } = memory;
    const pending = record.state === "committed" || record.target === null ? [] : [record.target.sequence];
    const slots = active === undefined ? [] : [active.sequence, ...(active.previous ? [active.previous.sequence] : [])];
    const isGating = record.state === "gating";
    await pruneSlots(files, record.state === "rejected" ? slots : [...slots, ...pending]);
    if (student === undefined || isGating) return;
    const others = await removeOtherSets(store, [student.features.key]);
    if (others.length > 0) await store.batch(others);
  }

  /** Starts from what the store says: the active pair, or the one before it when that one no longer works. */
  async function restore(): Promise<void> {
    const { active } = memory;
    const progress = memory.record.target === null ? 0 : await slotBytes(files, memory.record.target.sequence);
    const recovered = recover(memory.record, progress);
    if (recovered !== memory.record) await save(recovered);
    if (active === undefined) return;
    const loaded = await loadSlot(ports, active);
    if (loaded.ok) return adopt(loaded.value);
    log("error", "slot.broken", { release: active.sequence, reason: loaded.reason });
    const before = active.previous === null ? undefined : await loadSlot(ports, active.previous);
    if (before?.ok && active.previous !== null) {
      const reverted: ActiveSlot = { version: 1, ...active.previous, previous: null };
      const relearn: StoreOperation = { type: "put", key: relearnKey, value: new Uint8Array([1]) };
      await endUnlessUnderWay(
        "rolledBack",
        loaded.reason,
        [putRecord(keys.active, reverted), relearn],
        reverted.sequence,
      );
      memory.active = reverted;
      return adopt(before.value);
    }
    await endUnlessUnderWay("failed", loaded.reason, [{ type: "delete", key: keys.active }], 0);
    memory.active = undefined;
  }

  async function endUnlessUnderWay(
    state: "rolledBack" | "failed",
    ...[reason, operations, runs]: [UpdateReason, StoreOperation[], number]
  ): Promise<void> {
    const { state: current } = memory.record;
    if (current === "downloading" || current === "verifying" || current === "testing" || current === "gating") {
      await store.batch(operations);
    } else {
      await finish({ state, reason }, operations, runs);
    }
  }

  async function adopt(pair: Pair): Promise<void> {
    const student = await learner.openStudent(pair);
    await learner.extractMissing(student, new AbortController().signal, alreadyAlone);
    memory.student = student;
    const mustRelearn = (await store.get(relearnKey)) !== undefined;
    memory.fitted = mustRelearn ? undefined : await learner.load(student);
    // The device changed its engine: what was learned on the other one's features is learned anew on these.
    if (mustRelearn || memory.fitted !== undefined || !(await learner.hasHeads())) return;
    await store.batch([{ type: "put", key: relearnKey, value: new Uint8Array([1]) }]);
  }

  type Work = (signal: AbortSignal, remainingMs: number) => Promise<Result<void, UpdateReason>>;
  const byState: Record<ActiveUpdateState, Work> = {
    downloading: download,
    verifying: verify,
    testing: test,
    gating: gate,
  };

  return {
    restore,
    tidy,
    finish,
    async begin(target: Target): Promise<void> {
      gating.forgetAll();
      await save(begin(memory.record, target, clock.nowMs()));
      await tidy();
    },
    async run(state: ActiveUpdateState, signal: AbortSignal, remainingMs: number): Promise<Result<void, UpdateReason>> {
      if (!memory.record.executing) await save({ ...memory.record, executing: true });
      return byState[state](signal, remainingMs);
    },
    /** How the gating under way stands, for the planner. */
    async gating(): Promise<{ gating?: GatingView }> {
      if (memory.record.state !== "gating" || memory.record.crashes >= maximumCrashes) return {};
      const release = await readAcceptedManifest(ports, underWay());
      if (release.ok) return { gating: await gating.admit(release.value) };
      await finish({ state: "failed", reason: release.reason });
      await tidy();
      return {};
    },
    conclude: gating.conclude,
    isHeld: gating.isHeld,
    /** An orderly stop: the next start must not count it as a crash. */
    pause: () => save({ ...memory.record, executing: false }),
  };
}

export type Executors = ReturnType<typeof createExecutors>;
