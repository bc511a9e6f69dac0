// The agent's three loops: poll, update, report. Each ends only when its signal aborts; after an error it waits and retries.

import type { BackoffRange } from "@attune/shared/backoff";
import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { signedBytes } from "@attune/shared/contracts/egress";
import type { SignedTarget } from "@attune/shared/contracts/target-state";
import { toBase64 } from "@attune/shared/encoding";
import { AppError, type ErrorCode } from "@attune/shared/errors";
import { reportSubject } from "@attune/shared/subjects";
import type { ActiveUpdateState } from "./agent-api.js";
import { createBackoff, spread } from "./backoff.js";
import type { Executors } from "./executors/executors.js";
import { type Answer, type Context, type Credentials, keys, type Memory, newEpoch } from "./memory.js";
import { isSuperseded, plan, type Step } from "./plan.js";
import type { Cleared, ReportConnection } from "./ports.js";
import { putRecord } from "./records.js";
import type { Bell } from "./serial.js";
import { isActiveState, type Target } from "./state.js";
import { isOver, verifyTarget } from "./trust/target.js";
import { childController, within } from "./within.js";

export interface LoopParts {
  readonly context: Context;
  readonly executors: Executors;
  readonly deadlinesMs: Readonly<Record<ActiveUpdateState, number>>;
  readonly backoff: BackoffRange;
  readonly requestTimeoutMs: number;
  /** `updateBell` rings when a target came, `reportBell` when a report was queued or credentials changed. */
  readonly updateBell: Bell;
  readonly reportBell: Bell;
  /** Called when reports have left and the outbox has room again. */
  readonly onRoom: () => Promise<void>;
}

const publishedAtOnce = 64;

export function codeOf(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : "INTERNAL";
}

export async function pollLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, updateBell, reportBell, requestTimeoutMs } = parts;
  const { ports, memory, egress, contracts } = context;
  const { clock, control, deviceKey, hashing, store, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });

  async function ask(cleared: Cleared<"poll">): Promise<SignedTarget> {
    const declaration = contracts.declaration(cleared.message.contract, "poll")!;
    const signature = toBase64(await deviceKey.sign(signedBytes(declaration, cleared.bytes)));
    const answer = await within((asking) => control.poll(cleared, signature, asking), {
      clock,
      ms: requestTimeoutMs,
      signal,
    });
    const expected = {
      poll: cleared.message,
      root: memory.root!,
      highestNumber: memory.answer?.number ?? 0,
    };
    const verified = await verifyTarget(answer, expected, hashing);
    if (!verified.ok) throw new AppError("TARGET_REFUSED", verified.detail);
    return verified.value;
  }

  /** Begins an epoch where the store is an earlier copy: its next numbers are taken, and the numbers that it has given stay. */
  async function beginEpoch(): Promise<void> {
    const record = newEpoch(hashing, memory.epochs + 1);
    await egress.renumber([putRecord(keys.epoch, record)]);
    memory.epoch = record.epoch;
    memory.epochs++;
    log("warn", "epoch.begun", { epochs: memory.epochs });
  }

  /** Polls once. Returns the pause before the next poll, or undefined where the back-off decides it. */
  async function poll(): Promise<number | undefined> {
    const { state, reason } = memory.record;
    const answered = await egress.send("poll", { releaseSequence: memory.active?.sequence ?? 0, state, reason }, ask);
    if (answered.beginEpoch || answered.reports > egress.ledger.reports) {
      await beginEpoch();
      return undefined;
    }
    await egress.confirm();
    const { nats, release, pollIntervalMs, number, issuedAt, expiresAt } = answered;
    const answer: Answer = { version: 1, number, issuedAt, expiresAt, release: release?.sequence ?? null };
    const credentials: Credentials = { version: 1, ...nats };
    const renewed = JSON.stringify(credentials) !== JSON.stringify(memory.credentials);
    await store.batch([putRecord(keys.answer, answer), ...(renewed ? [putRecord(keys.credentials, credentials)] : [])]);
    memory.answer = answer;
    if (renewed) {
      memory.credentials = credentials;
      reportBell.ring();
    }
    memory.target = release;
    updateBell.ring();
    if (isOver(expiresAt, clock.nowMs())) {
      throw new AppError(
        "TARGET_REFUSED",
        "by this device's clock the server's answer has expired; one clock is wrong",
      );
    }
    return pollIntervalMs;
  }

  while (!signal.aborted) {
    try {
      const intervalMs = await poll();
      memory.connected.server = true;
      memory.lastError.server = null;
      // Two copies of a store that take turns must not make a device poll without a pause.
      if (intervalMs === undefined) {
        await backoff.pause(signal);
        continue;
      }
      backoff.reset();
      await clock.sleep(spread(intervalMs, hashing), signal);
    } catch (error) {
      if (signal.aborted) break;
      memory.connected.server = false;
      memory.lastError.server = codeOf(error);
      log("warn", "poll.failed", { code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
  memory.connected.server = false;
}

/** The target that the server asked for last, or null where it is too old to begin with. */
function freshTarget({ target, answer }: Memory, nowMs: number): Target | null {
  return answer === undefined || isOver(answer.expiresAt, nowMs) ? null : target;
}

export async function updateLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, executors, deadlinesMs, updateBell } = parts;
  const { ports, memory } = context;
  const { clock, hashing, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });

  async function execute(step: Step): Promise<void> {
    switch (step.kind) {
      case "begin":
        return executors.begin(step.target);
      case "end":
        await executors.finish(step);
        return executors.tidy();
      case "run":
        return run(step.state, step.remainingMs);
      case "conclude":
        return executors.conclude();
      case "wait":
        return rest(step.wakeInMs);
    }
  }

  /** Does the state's work under its deadline. A stop from outside leaves the record as it is, and the next start resumes. */
  async function run(state: ActiveUpdateState, remainingMs: number): Promise<void> {
    const { controller, release } = childController(signal);
    let expired = false;
    const superseded = () => state === "downloading" && isSuperseded(memory.record, freshTarget(memory, clock.nowMs()));
    const watching = state === "downloading" ? abortWhen(superseded, controller) : undefined;
    void clock.sleep(remainingMs, controller.signal).then(() => {
      expired = !controller.signal.aborted;
      controller.abort();
    });
    try {
      const result = await executors.run(state, { signal: controller.signal, remainingMs });
      if (result.ok || signal.aborted || superseded()) return;
      if (expired) return await executors.finish({ state: "timedOut", reason: "deadline" });
      log("warn", "update.refused", { state, reason: result.reason, detail: result.detail });
      await executors.finish({ state: "failed", reason: result.reason });
      await executors.tidy();
    } catch (error) {
      // Gating is retried until it ends, because it has no outcome for errors.
      if (codeOf(error) !== "DISK_FULL" || state === "gating") throw error;
      const reason: UpdateReason = "diskFull";
      await executors.finish({ state: "failed", reason });
    } finally {
      release();
      controller.abort();
      // The bell has one listener at a time.
      await watching;
    }
  }

  async function abortWhen(condition: () => boolean, controller: AbortController): Promise<void> {
    while (!controller.signal.aborted) {
      if (condition()) return controller.abort();
      await updateBell.wait(controller.signal);
    }
  }

  async function rest(wakeInMs: number | null): Promise<void> {
    if (wakeInMs === null) return updateBell.wait(signal);
    const { controller, release } = childController(signal);
    void clock.sleep(wakeInMs, controller.signal).then(() => controller.abort());
    await updateBell.wait(controller.signal);
    release();
    controller.abort();
  }

  while (!signal.aborted) {
    try {
      const gating = await executors.gating();
      const nowMs = clock.nowMs();
      const target = freshTarget(memory, nowMs);
      await execute(plan({ nowMs, record: memory.record, target, deadlinesMs, ...gating }));
      backoff.reset();
    } catch (error) {
      log("error", "update.step.failed", { state: memory.record.state, code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
  if (!isActiveState(memory.record.state)) return;
  await executors.pause().catch((error: unknown) => log("error", "update.pause.failed", { code: codeOf(error) }));
}

export async function reportLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, reportBell, requestTimeoutMs, onRoom } = parts;
  const { ports, memory, egress } = context;
  const { clock, hashing, reports, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  let connection: ReportConnection | undefined;
  let connectedWith: Credentials | undefined;

  async function connect(): Promise<ReportConnection> {
    const { identity, credentials } = memory;
    if (identity === undefined || credentials === undefined) throw new AppError("NOT_ENROLLED", "no credentials");
    if (connection !== undefined && connectedWith === credentials) return connection;
    await disconnect();
    const { urls, userJwt } = credentials;
    const { device, fleet } = identity;
    connection = await within((connecting) => reports.connect({ urls, userJwt, device, fleet }, connecting), {
      clock,
      ms: requestTimeoutMs,
      signal,
    });
    connectedWith = credentials;
    memory.connected.nats = true;
    memory.lastError.nats = null;
    return connection;
  }

  async function disconnect(): Promise<void> {
    const open = connection;
    connection = undefined;
    memory.connected.nats = false;
    await open?.close().catch(() => undefined);
  }

  /** Publishes the oldest reports side by side; each leaves the outbox only after its own acknowledgement. */
  async function publish(through: ReportConnection): Promise<void> {
    const waiting = await egress.waiting(publishedAtOnce);
    const results = await Promise.allSettled(
      waiting.map(({ cleared }) => {
        const { epoch, sequence, device } = cleared.message;
        // The broker drops repeated ids across the whole stream. The device's number in the id keeps other devices from claiming its reports.
        const messageId = `${device}-${epoch}-${sequence}`;
        const route = { subject: reportSubject(memory.identity!.fleet, device), messageId };
        return within((publishing) => through.publish(cleared, route, publishing), {
          clock,
          ms: requestTimeoutMs,
          signal,
        });
      }),
    );
    const acknowledged = waiting.filter((_, i) => results[i]?.status === "fulfilled");
    if (acknowledged.length > 0) {
      await egress.acknowledged(acknowledged);
      await onRoom();
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  while (!signal.aborted) {
    try {
      const open = await connect();
      if (egress.sendable === 0) await reportBell.wait(signal);
      else await publish(open);
      backoff.reset();
    } catch (error) {
      await disconnect();
      if (signal.aborted) break;
      memory.lastError.nats = codeOf(error);
      log("warn", "report.failed", { code: codeOf(error), pending: egress.pending });
      await backoff.pause(signal);
    }
  }
  await disconnect();
}
