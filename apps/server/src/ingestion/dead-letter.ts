// A refused message as it is recorded: its reason, size and hash, never its content.

import type { DeadLetterReason, IncomingReport } from "./report.parse.js";

export interface DeadLetterInput {
  readonly reason: DeadLetterReason;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly subjectDevice: string | null;
  readonly streamSequence: number;
}

/** Enough to see a device's fault. A flood of refused messages fills no disk. */
export const keptPerDevice = 100;

export function describeDeadLetter(incoming: IncomingReport, reason: DeadLetterReason): DeadLetterInput {
  const { sizeBytes, bodySha256, report, streamSequence } = incoming;
  return { reason, sizeBytes, sha256: bodySha256, subjectDevice: report.device, streamSequence };
}
