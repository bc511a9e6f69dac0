// A log in which strangers cannot make one event fill the disk. After a number of lines a minute, an
// event is only counted.

import type { LogFields, Logger } from "@attune/platform/logger";

const linesPerMinute = 20;
const minuteMs = 60_000;

interface Minute {
  readonly startedAtMs: number;
  readonly lines: number;
  readonly withheld: number;
}

/** Events are few and named by the code, so the memory for them is bounded. */
export function limitRepeats(logger: Logger, now: () => number): Logger {
  const minutes = new Map<string, Minute>();

  const at =
    (level: keyof Logger) =>
    (event: string, fields: LogFields = {}): void => {
      const known = minutes.get(event);
      const current = known !== undefined && Math.abs(now() - known.startedAtMs) < minuteMs ? known : undefined;
      if (current !== undefined && current.lines >= linesPerMinute) {
        minutes.set(event, { ...current, withheld: current.withheld + 1 });
        return;
      }
      // The next line of an event states how many lines the minute before withheld.
      const withheld = current === undefined ? (known?.withheld ?? 0) : 0;
      minutes.set(event, {
        startedAtMs: current?.startedAtMs ?? now(),
        lines: (current?.lines ?? 0) + 1,
        withheld: 0,
      });
      logger[level](event, withheld === 0 ? fields : { ...fields, withheldBefore: withheld });
    };
  return { debug: logger.debug, info: logger.info, warn: at("warn"), error: at("error") };
}
