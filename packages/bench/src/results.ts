// The benches' results, as they are stored, printed and written by --json.

import { cpus, loadavg } from "node:os";
import type { PartName } from "@attune/server/bench-parts";
import type { Dtype } from "./engines.js";
import type { Limit } from "./limits.js";

/** Null if this build has nothing to time. */
type Milliseconds = number | null;

interface Timed {
  readonly engine: string;
  readonly medianMs: Milliseconds;
  readonly p90Ms: Milliseconds;
  /** For our engines alone: the fastest peer's median over this median; above 1 we are faster. */
  readonly ratioToBestPeer: number | null;
}

export interface EncoderRow extends Timed {
  readonly model: string;
  readonly dtype: Dtype;
  readonly threads: number;
  /**
   * Padded to 32, or each sentence's own length with one sentence a call, or all in one call. Times are of one
   * sentence in each case.
   */
  readonly tokens: "32" | "true" | "batch";
  /**
   * The share of the processor's limit for our build's instructions, this dtype and this number of threads,
   * measured in this run.
   */
  readonly shareOfLimit: number | null;
}

export interface HeadRow extends Timed {
  readonly features: number;
  readonly samples: number;
}

export interface TaskRow extends Timed {
  readonly task: string;
  /** For work in which single slow units count. */
  readonly p99Ms?: number;
}

/** The row for the tokenizer's time, which every engine spends before it computes anything. */
export const tokenizerName = "tokenizer";

export interface ColdRow extends Timed {
  readonly model: string;
  readonly dtype: Dtype;
  /**
   * Medians: until the engine has its model, of the tokenizer, and of the first prediction; medianMs is of their sum.
   */
  readonly loadMs: Milliseconds;
  readonly tokenizerMs: Milliseconds;
  readonly firstMs: Milliseconds;
  /** Resident memory beyond a bare Node's, in MB (10^6 bytes). */
  readonly rssMb: number | null;
}

/** A real daemon, offline; its resident memory in MB (10^6 bytes). */
export interface AgentRow extends Timed {
  readonly model: string;
  /** Memory after it has predicted 80 sentences. */
  readonly startMb: number;
  /** Memory a little after it learned from 80 corrections. */
  readonly trainedMb: number;
  /** The largest amount up to then. */
  readonly peakMb: number;
}

export type Row = EncoderRow | HeadRow | TaskRow | ColdRow | AgentRow;

export interface Part {
  readonly name: PartName;
  readonly cpu: string;
  readonly node: string;
  /** Processes that ran or waited, averaged over a minute, at the start and at the end: 1 is this bench alone. */
  readonly load: readonly [number, number];
  /** Limits by threads, in 10^9 operations a second; empty if nothing is compared with them. */
  readonly limits: readonly { readonly threads: number; readonly fp32: number; readonly int8: number }[];
  /** Notes that a reader needs beside the numbers. */
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

export interface Measured {
  readonly limits: readonly { readonly threads: number; readonly limit: Limit }[];
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

export async function measured(name: PartName, measure: () => Promise<Measured>): Promise<Part> {
  const before = loadavg()[0]!;
  const { limits, notes, rows } = await measure();
  const giga = limits.map(({ threads, limit }) => ({ threads, fp32: limit.fp32 / 1e9, int8: limit.int8 / 1e9 }));
  const machine = { cpu: cpus()[0]?.model ?? "unknown", node: process.version };
  return { name, ...machine, load: [before, loadavg()[0]!], limits: giga, notes, rows };
}

/**
 * The object of --json. limitGflops is float32 on one thread, null if nothing is compared with it; limits holds
 * each format's, by threads.
 */
export function toJson({ name, cpu, limits, rows }: Part): object {
  return { table: name, cpu, limitGflops: limits[0]?.fp32 ?? null, limits, rows };
}

/** The fastest of the peers' medians over `ours`; null without a peer or without ours. */
export function ratioToBest(ours: Milliseconds, peers: readonly Milliseconds[]): number | null {
  const best = Math.min(...peers.filter((ms) => ms !== null));
  return ours === null || !Number.isFinite(best) ? null : best / ours;
}
