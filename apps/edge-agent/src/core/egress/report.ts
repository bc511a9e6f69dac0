// What a report says, in the coarse numbers of the contract. Pure; identity and sequence are added where it is queued.

import { egressContract, type Message, quantize } from "@attune/shared/contracts/egress";
import type { ReportType } from "@attune/shared/contracts/report";

/** A report before it has a device, an epoch and a sequence. */
export type Draft<T extends ReportType = ReportType> = T extends ReportType
  ? Omit<Message<T>, "device" | "epoch" | "sequence" | "contract">
  : never;

/** Below this many hold-out utterances an F1 says too much about each of them, and too little about the head. */
export const minimumHoldout = 20;

export interface Measurements {
  readonly releaseSequence: number;
  readonly engine: Message<"report.metrics">["engine"];
  readonly headKind: Message<"report.metrics">["headKind"];
  readonly train: number;
  readonly holdout: number;
  /** Fractions, 0 to 1. */
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly predictP50Ms: number | null;
  readonly predictP90Ms: number | null;
  readonly trainMs: number | null;
}

export function metricsDraft(measured: Measurements): Draft<"report.metrics"> {
  const { fields } = egressContract["report.metrics"];
  const percent = (fraction: number | null) =>
    measured.holdout < minimumHoldout || fraction === null ? null : coarse("f1Prior", fraction * 100);
  const coarse = (name: keyof typeof fields, value: number | null) =>
    value === null ? null : quantize(fields[name].domain, value);
  const micros = (ms: number | null) => (ms === null ? null : ms * 1_000);
  return {
    type: "report.metrics",
    releaseSequence: measured.releaseSequence,
    engine: measured.engine,
    headKind: measured.headKind,
    utterances: coarse("utterances", measured.train) ?? 0,
    holdout: coarse("holdout", measured.holdout) ?? 0,
    f1Prior: percent(measured.f1Prior),
    f1Personal: percent(measured.f1Personal),
    predictP50: coarse("predictP50", micros(measured.predictP50Ms)),
    predictP90: coarse("predictP90", micros(measured.predictP90Ms)),
    trainTime: coarse("trainTime", measured.trainMs),
  } as Draft<"report.metrics">;
}

export function stateDraft(
  releaseSequence: number,
  { state, reason }: Pick<Message<"report.state">, "state" | "reason">,
): Draft<"report.state"> {
  return { type: "report.state", releaseSequence, state, reason };
}
