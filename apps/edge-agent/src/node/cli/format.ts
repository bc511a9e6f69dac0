// Numbers as the commands print them; a dash stands for a number that is not known yet.

import { counted } from "@attune/platform/counted";
import { noValue } from "@attune/platform/table";

export function asMs(value: number | null): string {
  return value === null ? noValue : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function asF1(value: number | null): string {
  return value === null ? noValue : value.toFixed(3);
}

const units = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1_000, "second"],
] as const;

/** In the largest unit that holds at least two, rounded up. */
export function asDuration(ms: number): string {
  const [size, name] = units.find(([size]) => ms >= 2 * size) ?? units[3];
  return counted(Math.ceil(ms / size), name);
}
