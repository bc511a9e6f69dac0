// The loop that polls: it asks the server for the target and the credentials, and begins an epoch where the store
// is an earlier copy.

import { signedBytes } from "@attune/shared/contracts/egress";
import type { SignedTarget } from "@attune/shared/contracts/target-state";
import { toBase64 } from "@attune/shared/encoding";
import { AppError, codeOf } from "@attune/shared/errors";
import { type Answer, type Context, type Credentials, keys, newEpoch } from "../agent-state.js";
import { createBackoff, withJitter } from "../concurrency/backoff.js";
import { withTimeout } from "../concurrency/timeout.js";
import type { Cleared } from "../ports.js";
import { putRecord } from "../storage/records.js";
import { isExpired, verifyTarget } from "../trust/target.js";
import type { LoopParts } from "./loop-parts.js";

export async function pollLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { ports, agentState } = parts.context;
  const { clock, hashing, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  while (!signal.aborted) {
    try {
      const intervalMs = await poll(parts, signal);
      agentState.connected.server = true;
      agentState.lastError.server = null;
      // Two copies of a store that take turns must not make a device poll without a pause.
      if (intervalMs === undefined) {
        await backoff.pause(signal);
        continue;
      }
      backoff.reset();
      await clock.sleep(withJitter(intervalMs, hashing), signal);
    } catch (error) {
      if (signal.aborted) break;
      agentState.connected.server = false;
      agentState.lastError.server = codeOf(error);
      log("warn", "poll.failed", { code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
  agentState.connected.server = false;
}

/** Polls once. Returns the pause before the next poll, or undefined where the back-off decides it. */
async function poll(parts: LoopParts, signal: AbortSignal): Promise<number | undefined> {
  const { context, updateWakeup } = parts;
  const { ports, agentState, egress } = context;
  const answered = await egress.send("poll", {}, (cleared) => ask(parts, cleared, signal));
  if (answered.beginEpoch || answered.reports > egress.ledger.reports) {
    await beginEpoch(context);
    return undefined;
  }
  await egress.confirm();
  await adoptAnswer(parts, answered);
  agentState.target = answered.release;
  updateWakeup.notify();
  if (isExpired(answered.expiresAt, ports.clock.nowMs())) {
    throw new AppError("TARGET_REFUSED", "by this device's clock the server's answer has expired; one clock is wrong");
  }
  return answered.pollIntervalMs;
}

/** Sends the poll, and returns the answer once its signature and its place have been checked. */
async function ask(
  { context, requestTimeoutMs }: LoopParts,
  cleared: Cleared<"poll">,
  signal: AbortSignal,
): Promise<SignedTarget> {
  const { ports, agentState, contracts } = context;
  const { clock, control, deviceKey, hashing } = ports;
  const declaration = contracts.declaration(cleared.message.contract, "poll")!;
  const signature = toBase64(await deviceKey.sign(signedBytes(declaration, cleared.bytes)));
  const answer = await withTimeout((asking) => control.poll(cleared, signature, asking), {
    clock,
    timeoutMs: requestTimeoutMs,
    signal,
  });
  const highestNumber = agentState.lastAnswer?.number ?? 0;
  const expected = { poll: cleared.message, root: agentState.root!, highestNumber };
  const verified = await verifyTarget(answer, expected, hashing);
  if (!verified.ok) throw new AppError("TARGET_REFUSED", verified.detail);
  return verified.value;
}

/** Keeps the answer's number and dates, and its credentials where they are new. */
async function adoptAnswer({ context, reportWakeup }: LoopParts, answered: SignedTarget): Promise<void> {
  const { ports, agentState } = context;
  const { nats, release, number, issuedAt, expiresAt } = answered;
  const answer: Answer = { version: 1, number, issuedAt, expiresAt, release: release?.sequence ?? null };
  const credentials: Credentials = { version: 1, ...nats };
  const renewed = JSON.stringify(credentials) !== JSON.stringify(agentState.credentials);
  const operations = [putRecord(keys.answer, answer)];
  if (renewed) operations.push(putRecord(keys.credentials, credentials));
  await ports.store.batch(operations);
  agentState.lastAnswer = answer;
  if (renewed) {
    agentState.credentials = credentials;
    reportWakeup.notify();
  }
}

/**
 * Begins an epoch where the store is an earlier copy: its next numbers are taken, and the numbers that
 * it has given stay.
 */
async function beginEpoch({ ports, agentState, egress }: Context): Promise<void> {
  const record = newEpoch(ports.hashing, agentState.epochs + 1);
  await egress.renumber([putRecord(keys.epoch, record)]);
  agentState.epoch = record.epoch;
  agentState.epochs++;
  ports.log("warn", "epoch.begun", { epochs: agentState.epochs });
}
