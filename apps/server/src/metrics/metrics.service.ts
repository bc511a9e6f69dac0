// The server's metrics: what a scraper reads of rollouts, reports, the planner and the releases.

import { verdicts } from "@attune/shared/contracts/current-state";
import { withDeadline } from "../platform/deadline.js";
import { expositionOf, type Family } from "./exposition.js";
import type { MetricsRepository } from "./metrics.repository.js";
import { shownVerdicts } from "./verdict-counts.js";

/** The part of the metrics that this process alone knows, counted since its start. */
export interface ProcessMetrics {
  /** By outcome: stored, duplicates, conflicts, dead letters. */
  readonly reports: () => {
    readonly stored: number;
    readonly duplicates: number;
    readonly conflicts: number;
    readonly deadLetters: number;
  };
  /** The reports that the broker holds and the database does not. */
  readonly lag: () => Promise<number>;
  readonly planner: () => { readonly turns: number; readonly seconds: number; readonly leaseHeld: boolean };
}

const lagTimeoutMs = 2_000;

interface MetricsServiceDeps extends ProcessMetrics {
  readonly repository: MetricsRepository;
}

/** Answers the text of the metrics. Without the broker the lag is left out, because nobody knows it. */
export function createMetricsService(deps: MetricsServiceDeps): () => Promise<string> {
  const { repository, reports, planner } = deps;
  const lagOrNothing = () =>
    withDeadline<number | undefined>(
      deps.lag().catch(() => undefined),
      lagTimeoutMs,
      () => undefined,
    );
  return async () => {
    const [devices, counts, releases, lag] = await Promise.all([
      repository.rolloutDevices(),
      repository.verdicts(),
      repository.releases(),
      lagOrNothing(),
    ]);
    const shown = shownVerdicts(counts);
    const { turns, seconds, leaseHeld } = planner();
    const { stored, duplicates, conflicts, deadLetters } = reports();
    const families: Family[] = [
      {
        ...{ name: "attune_rollout_devices", type: "gauge", help: "Devices of the rollouts under way, by state." },
        samples: devices.map(({ state, devices: value }) => ({ labels: { state }, value })),
      },
      {
        ...{ name: "attune_update_verdicts_total", type: "counter" },
        help: "Devices that gave a verdict on a release, in steps of five devices of one release.",
        samples: verdicts.map((verdict) => ({ labels: { verdict }, value: shown.get(verdict) ?? 0 })),
      },
      {
        ...{ name: "attune_reports_total", type: "counter", help: "Reports that this process took, by outcome." },
        samples: Object.entries({ stored, duplicate: duplicates, conflict: conflicts, refused: deadLetters }).map(
          ([outcome, value]) => ({ labels: { outcome }, value }),
        ),
      },
      {
        ...{ name: "attune_planner_seconds", type: "summary", help: "Turns over all rollouts under way." },
        samples: [
          { suffix: "_sum", value: seconds },
          { suffix: "_count", value: turns },
        ],
      },
      {
        ...{ name: "attune_lease_held", type: "gauge", help: "1 where this process advances the rollouts." },
        samples: [{ value: leaseHeld ? 1 : 0 }],
      },
      {
        ...{ name: "attune_release_expiry_timestamp_seconds", type: "gauge" },
        help: "When devices begin to refuse a release.",
        samples: releases.map(({ sequence, expiresAt }) => ({
          labels: { release: String(sequence) },
          value: expiresAt.getTime() / 1_000,
        })),
      },
    ];
    if (lag !== undefined) {
      const help = "Reports that wait between the broker and the database.";
      families.push({ name: "attune_ingest_lag_messages", type: "gauge", help, samples: [{ value: lag }] });
    }
    return expositionOf(families);
  };
}
