// Measurements become coarse numbers, and small samples become no numbers at all.

import { createTestHashing } from "@attune/fakes/node-crypto";
import { noisyCountValues } from "@attune/ml/privacy/noisy-count";
import { createContracts } from "@attune/shared/contracts/egress";
import { describe, expect, test } from "vitest";
import { gate } from "./gate.js";
import {
  deviceDraft,
  metricsDraft as draftOf,
  type Measurements,
  slotDraft,
  stateDraft,
  verdictDraft,
} from "./report.js";

const contracts = createContracts();
const metricsDraft = (measured: Measurements) => draftOf({ contracts, contract: 1 }, measured);

const measured: Measurements = {
  releaseSequence: 3,
  engine: "reference",
  headKind: "linear",
  train: 137,
  holdout: 31,
  f1Prior: 0.5449,
  f1Personal: 0.6151,
  predictP50Ms: 1.234,
  predictP90Ms: 999,
  trainMs: 42,
};

describe("a metrics report", () => {
  test("says only coarse numbers", () => {
    expect(metricsDraft(measured)).toEqual({
      type: "report.metrics",
      contract: 1,
      releaseSequence: 3,
      engine: "reference",
      headKind: "linear",
      utterances: 100,
      holdout: 25,
      f1Prior: 54,
      f1Personal: 62,
      predictP50: 1_000,
      predictP90: 256_000,
      trainTime: 30,
    });
  });

  test("keeps an F1 over fewer than twenty utterances to itself", () => {
    expect(metricsDraft({ ...measured, holdout: 19 })).toMatchObject({ f1Prior: null, f1Personal: null });
    expect(metricsDraft({ ...measured, holdout: 20 })).toMatchObject({ f1Prior: 54, f1Personal: 62 });
  });

  test("leaves empty what is not a number, and passes the gate", () => {
    const odd = metricsDraft({ ...measured, f1Prior: Number.NaN, trainMs: Number.NaN, predictP50Ms: null });
    expect(odd).toMatchObject({ f1Prior: null, trainTime: null, predictP50: null });
    const identity = { device: "d".repeat(32), epoch: "e".repeat(16), sequence: 1 };
    expect(gate({ contracts, nowMs: 0, releases: [] }, "report.metrics", { ...odd, ...identity }).ok).toBe(true);
  });
});

describe("reports of a contract with bounds", () => {
  const wording = { contracts, contract: 2 };

  test("hold both counts of a block with noise, or neither where no block is complete", () => {
    const block = { rightPrior: 20, rightAnswering: 31 };
    const { rightPrior, rightAnswering, ...rest } = slotDraft(wording, block, createTestHashing("noise"));
    expect(rest).toEqual({ type: "report.slot", contract: 2 });
    for (const value of [rightPrior, rightAnswering]) expect(noisyCountValues()).toContain(value);
    const empty = { type: "report.slot", contract: 2, rightPrior: null, rightAnswering: null };
    const untouched = () => {
      throw new Error("no noise is drawn for no block");
    };
    expect(slotDraft(wording, undefined, { randomBytes: untouched })).toEqual(empty);
  });

  test("draw the noise of each count on its own", () => {
    const block = { rightPrior: 24, rightAnswering: 24 };
    const hashing = createTestHashing("noise");
    const drawn = Array.from({ length: 400 }, () => slotDraft(wording, block, hashing));
    const values = new Set(drawn.map(({ rightPrior, rightAnswering }) => `${rightPrior} ${rightAnswering}`));
    expect(drawn.filter(({ rightPrior, rightAnswering }) => rightPrior !== rightAnswering).length).toBeGreaterThan(150);
    expect(values.size).toBeGreaterThan(15);
  });

  test("say a verdict alone, and of an update without a verdict its state", () => {
    expect(verdictDraft(wording, "worse")).toEqual({ type: "report.verdict", contract: 2, verdict: "worse" });
    expect(stateDraft(wording, { releaseSequence: 3, state: "failed", reason: "network" })).toEqual({
      type: "report.state",
      contract: 2,
      releaseSequence: 3,
      state: "failed",
      reason: "network",
    });
  });

  test("say latencies in coarse steps", () => {
    const latencies = { releaseSequence: 3, engine: "wasm", predictP50Ms: 1.234, predictP90Ms: 999 } as const;
    expect(deviceDraft(wording, latencies)).toMatchObject({ engine: "wasm", predictP50: 1_000, predictP90: 256_000 });
    expect(() => deviceDraft({ contracts, contract: 1 }, latencies)).toThrow("declares no report.device");
  });
});
