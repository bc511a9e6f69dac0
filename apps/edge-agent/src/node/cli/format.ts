// Numbers as the commands print them; a dash stands for a number that is not known yet.

import { noValue } from "@attune/platform/table";

export function asMs(value: number | null): string {
  return value === null ? noValue : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function asF1(value: number | null): string {
  return value === null ? noValue : value.toFixed(3);
}
