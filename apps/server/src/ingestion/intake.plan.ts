// What of a batch is taken, by what is known of its devices: their fleets, their epochs, and how much they sent today. Pure.
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
  /** Reports and conflicts of this day that each device has rows for already. */
  readonly takenToday: ReadonlyMap<string, number>;
}

/** A device sends some dozens a day, and after a long time offline what its outbox holds, 10,000 by default; this is five times that. */
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
