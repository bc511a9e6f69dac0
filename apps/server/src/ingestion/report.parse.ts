// Turns one message from the bus into a report to store, or the reason to refuse it. Pure; a refusal repeats
// nothing of the message.

import { sha256 } from "@attune/platform/sha256";
import { type Contracts, wireBody } from "@attune/shared/contracts/egress";
import { judgeReport, type Report, reportLimitBytes } from "@attune/shared/contracts/report";
import { accept, type Result, refuse } from "@attune/shared/result";
import { parseReportSubject } from "@attune/shared/subjects";

export interface IncomingMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** The message's place in the stream. */
  readonly streamSequence: number;
}

export interface IncomingReport {
  readonly report: Report;
  readonly fleet: string;
  /** The body as received: its canonical form, and the spaces up to its declared length. */
  readonly body: string;
  readonly bodySha256: string;
  readonly sizeBytes: number;
  readonly streamSequence: number;
}

/** A closed list, so that no part of the message can become a reason. */
const deadLetterReasons = [
  "subject",
  "oversized",
  "encoding",
  "malformed",
  "contractVersion",
  "contract",
  "notCanonical",
  "foreignDevice",
  "unknownDevice",
  "revokedDevice",
  "unknownEpoch",
  "overQuota",
  "refusedByStore",
] as const;
export type DeadLetterReason = (typeof deadLetterReasons)[number];

export function parseReportMessage(
  contracts: Contracts,
  message: IncomingMessage,
): Result<IncomingReport, DeadLetterReason> {
  const { subject, bytes, streamSequence } = message;
  const sender = parseReportSubject(subject);
  if (sender === undefined) return refuse("subject", "not a device's report subject");
  if (bytes.length > reportLimitBytes) return refuse("oversized", `${bytes.length} bytes, ${reportLimitBytes} at most`);
  let body: string;
  try {
    body = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("encoding", "not UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refuse("malformed", "not JSON");
  }
  const judged = judgeReport(contracts, value);
  if (!judged.ok) {
    return judged.reason === "unknownContract"
      ? refuse("contractVersion", "of a version of the egress contract that this server does not take")
      : refuse("contract", `${judged.issues.length} fields are not as declared`);
  }
  const report = judged.value;
  // White space, the order of keys or a repeated key could carry information that no field can.
  if (wireBody(contracts.declaration(report.contract, report.type)!, report) !== body)
    return refuse("notCanonical", "not the canonical form of its value");
  if (report.device !== sender.device) return refuse("foreignDevice", "speaks for another device than its subject");
  return accept({
    report,
    fleet: sender.fleet,
    body,
    bodySha256: sha256(bytes),
    sizeBytes: bytes.length,
    streamSequence,
  });
}
