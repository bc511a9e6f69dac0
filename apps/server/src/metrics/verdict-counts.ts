// The verdicts that metrics may show: counts that grow in steps of five devices, so that no step is one device's. Pure.

import { minDevices } from "../ingestion/fleet-averages.js";

/** The number of devices that have given a verdict on a release. Each device counts once, with its first verdict. */
export interface VerdictCount {
  readonly releaseSequence: number;
  readonly verdict: string;
  readonly devices: number;
}

/**
 * A reader who samples the counts often sees each step and its time. A step of one would give away the verdict of the
 * device that reported just then. Here each step covers as many devices of one release as an average needs.
 */
export function shownVerdicts(counts: readonly VerdictCount[]): ReadonlyMap<string, number> {
  const shown = new Map<string, number>();
  for (const { verdict, devices } of counts) {
    const steps = Math.floor(devices / minDevices) * minDevices;
    shown.set(verdict, (shown.get(verdict) ?? 0) + steps);
  }
  return shown;
}
