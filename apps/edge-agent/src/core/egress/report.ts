// The content of a report, in the coarse numbers of the contract. Pure; identity and sequence are added
// where it is queued.

import { noisyCount } from "@attune/ml/privacy/noisy-count";
import type { Verdict } from "@attune/shared/contracts/current-state";
import type { Contracts, Message } from "@attune/shared/contracts/egress";
import { type Field, quantize } from "@attune/shared/contracts/egress-declaration";
import type { ReportType } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";

/** The fields that the egress fills in, whoever makes the report. */
type Filled<T extends ReportType> =
  | "device"
  | "epoch"
  | "sequence"
  | (T extends "report.slot" ? "slot" | "releaseSequence" : T extends "report.verdict" ? "releaseSequence" : never);

/** A report before the egress has filled in its other fields. */
export type Draft<T extends ReportType = ReportType> = T extends ReportType ? Omit<Message<T>, Filled<T>> : never;

/** Below this many hold-out utterances an F1 says too much about each of them, and too little about the head. */
const minimumHoldout = 20;

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

/** The version of the contract that a report is made in. */
interface Wording {
  readonly contracts: Contracts;
  readonly contract: number;
}

export function metricsDraft(wording: Wording, measured: Measurements): Draft<"report.metrics"> {
  const { releaseSequence, engine, headKind, train, holdout } = measured;
  const percent = (fraction: number | null) => (holdout < minimumHoldout || fraction === null ? null : fraction * 100);
  const micros = (ms: number | null) => (ms === null ? null : ms * 1_000);
  return draft("report.metrics", wording, {
    releaseSequence,
    engine,
    headKind,
    utterances: train,
    holdout,
    f1Prior: percent(measured.f1Prior),
    f1Personal: percent(measured.f1Personal),
    predictP50: micros(measured.predictP50Ms),
    predictP90: micros(measured.predictP90Ms),
    trainTime: measured.trainMs,
  });
}

export function stateDraft(
  wording: Wording,
  values: Pick<Message<"report.state">, "releaseSequence" | "state" | "reason">,
): Draft<"report.state"> {
  return draft("report.state", wording, values);
}

/** The latencies of predictions over fixed sentences, in milliseconds. */
interface DeviceMeasurements {
  readonly releaseSequence: number;
  readonly engine: Message<"report.device">["engine"];
  readonly predictP50Ms: number;
  readonly predictP90Ms: number;
}

export function deviceDraft(wording: Wording, measured: DeviceMeasurements): Draft<"report.device"> {
  const { releaseSequence, engine, predictP50Ms, predictP90Ms } = measured;
  const [predictP50, predictP90] = [predictP50Ms * 1_000, predictP90Ms * 1_000];
  return draft("report.device", wording, { releaseSequence, engine, predictP50, predictP90 });
}

/**
 * `block`: the right answers in a block of labels; undefined where none is complete. The draft holds them with
 * noise, drawn here once.
 */
export function slotDraft(
  wording: Wording,
  block: RightAnswers | undefined,
  random: Parameters<typeof noisyCount>[1],
): Draft<"report.slot"> {
  return draft("report.slot", wording, {
    rightPrior: block === undefined ? null : noisyCount(block.rightPrior, random),
    rightAnswering: block === undefined ? null : noisyCount(block.rightAnswering, random),
  });
}

export interface RightAnswers {
  readonly rightPrior: number;
  readonly rightAnswering: number;
}

export function verdictDraft(wording: Wording, verdict: Verdict): Draft<"report.verdict"> {
  return draft("report.verdict", wording, { verdict });
}

type Values = Readonly<Record<string, string | number | null>>;

/**
 * Says as much of the known values as the contract's version declares, each number as coarse as the version declares.
 */
function draft<T extends ReportType>(type: T, { contracts, contract }: Wording, known: Values): Draft<T> {
  const declaration = contracts.declaration(contract, type);
  if (declaration === undefined) throw new AppError("INTERNAL", `contract ${contract} declares no ${type}`);
  const said = Object.entries(declaration.fields)
    .filter(([name]) => known[name] !== undefined)
    .map(([name, field]) => [name, coarse(field, known[name]!)]);
  return { type, contract, ...Object.fromEntries(said) };
}

function coarse({ domain, nullable }: Field, value: string | number | null): string | number | null {
  if (typeof value !== "number" || (domain.kind !== "bucket" && domain.kind !== "quantized")) return value;
  return quantize(domain, value) ?? (nullable ? null : 0);
}
