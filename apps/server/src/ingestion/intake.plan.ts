// Decides which reports of a batch are taken, from their devices' fleets, epochs and reports of today. Pure.

import { type DeadLetterInput, describeDeadLetter } from "./dead-letter.js";
import type { DeadLetterReason, IncomingReport } from "./report.parse.js";

export interface KnownDevice {
  readonly id: string;
  readonly fleetName: string;
  readonly revokedAt: Date | null;
  readonly epochs: readonly { readonly epoch: string }[];
}

export interface BatchFacts {
  readonly devices: readonly KnownDevice[];
  /** The rows that each device has for this day already, reports and conflicts alike. */
  readonly takenToday: ReadonlyMap<string, number>;
}

/**
 * The limit of a device's rows a day. A device sends some dozens a day. After a long time offline it sends its outbox,
 * 10,000 by default; the limit is five times that.
 */
export const reportsPerDay = 50_000;

export function sortBatch(reports: readonly IncomingReport[], { devices, takenToday }: BatchFacts) {
  const known = new Map(devices.map((device) => [device.id, device]));
  const taken = new Map(takenToday);
  const accepted: IncomingReport[] = [];
  const refused: DeadLetterInput[] = [];
  for (const incoming of reports) {
    const id = incoming.report.device;
    const before = taken.get(id) ?? 0;
    const reason = reasonAgainst(incoming, known.get(id), before);
    if (reason !== undefined) refused.push(describeDeadLetter(incoming, reason));
    else {
      taken.set(id, before + 1);
      accepted.push(incoming);
    }
  }
  return { accepted, refused };
}

function reasonAgainst(
  { report, fleet }: IncomingReport,
  device: KnownDevice | undefined,
  taken: number,
): DeadLetterReason | undefined {
  if (device === undefined || device.fleetName !== fleet) return "unknownDevice";
  if (device.revokedAt !== null) return "revokedDevice";
  if (!device.epochs.some(({ epoch }) => epoch === report.epoch)) return "unknownEpoch";
  return taken >= reportsPerDay ? "overQuota" : undefined;
}
