// Puts what the server, polls and reports say of one device into the order of time. Pure.

import type { Timeline } from "@attune/shared/contracts/inventory";

interface History {
  readonly device: {
    readonly enrolledAt: Date;
    readonly lastSeenAt: Date | null;
    readonly releaseSequence: number;
    readonly state: string;
    readonly reason: string;
    readonly offeredSequence: number;
    readonly offeredAt: Date | null;
  };
  readonly epochs: readonly { readonly begunAt: Date }[];
  readonly reports: readonly { type: string; sequence: number; releaseSequence: number; receivedAt: Date }[];
  readonly conflicts: readonly { sequence: number; receivedAt: Date }[];
  readonly events: readonly { at: Date; actor: string; reason: string | null; action: string }[];
}

type Entry = Timeline["entries"][number];

/** The latest `limit` entries, the latest first. */
export function timelineOf({ device, epochs, reports, conflicts, events }: History, limit: number): Entry[] {
  const { enrolledAt, lastSeenAt, offeredAt, offeredSequence, releaseSequence, state, reason } = device;
  const entries: Entry[] = [
    entry(enrolledAt, "server", "enrolled"),
    ...epochs
      .filter(({ begunAt }) => begunAt > enrolledAt)
      .map(({ begunAt }) => entry(begunAt, "server", "began a new epoch")),
    ...events.map(({ at, actor, action, reason: why }) =>
      entry(at, "server", `${action} by ${actor}${why === null ? "" : `: ${why}`}`),
    ),
    ...conflicts.map(({ receivedAt, sequence }) =>
      entry(receivedAt, "server", `refused a second, different report ${sequence}`),
    ),
    ...reports.map((report) =>
      entry(report.receivedAt, "report", `${report.type} ${report.sequence} on release ${report.releaseSequence}`),
    ),
  ];
  if (offeredAt !== null) entries.push(entry(offeredAt, "server", `offered release ${offeredSequence}`));
  if (lastSeenAt !== null) {
    entries.push(entry(lastSeenAt, "poll", `runs release ${releaseSequence}, state ${state}, reason ${reason}`));
  }
  return entries.sort((x, y) => (x.at < y.at ? 1 : x.at > y.at ? -1 : 0)).slice(0, limit);
}

function entry(at: Date, source: Entry["source"], what: string): Entry {
  return { at: at.toISOString(), source, what };
}
