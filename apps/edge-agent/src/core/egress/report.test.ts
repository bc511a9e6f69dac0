// Measurements become coarse numbers, and small samples become no numbers at all.

import { createContracts } from "@attune/shared/contracts/egress";
import { describe, expect, it } from "vitest";
import { gate } from "./gate.js";
import { deviceDraft, metricsDraft as draftOf, type Measurements, slotDraft } from "./report.js";

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
  it("says only coarse numbers", () => {
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

  it("keeps an F1 over fewer than twenty utterances to itself", () => {
    expect(metricsDraft({ ...measured, holdout: 19 })).toMatchObject({ f1Prior: null, f1Personal: null });
    expect(metricsDraft({ ...measured, holdout: 20 })).toMatchObject({ f1Prior: 54, f1Personal: 62 });
  });

  it("leaves empty what is not a number, and passes the gate", () => {
    const odd = metricsDraft({ ...measured, f1Prior: Number.NaN, trainMs: Number.NaN, predictP50Ms: null });
    expect(odd).toMatchObject({ f1Prior: null, trainTime: null, predictP50: null });
    const identity = { device: "d".repeat(32), epoch: "e".repeat(16), sequence: 1 };
    expect(gate({ contracts, nowMs: 0, releases: [] }, "report.metrics", { ...odd, ...identity }).ok).toBe(true);
  });
});

describe("the reports of contract 2", () => {
  const wording = { contracts, contract: 2 };
  const identity = { device: "d".repeat(32), epoch: "e".repeat(16), sequence: 1 };
  const random = { randomBytes: (length: number) => new Uint8Array(length) };

  it("keep the numbers of slot and release as they are, and pass the gate", () => {
    const slot = slotDraft(wording, { releaseSequence: 3, slot: 7, block: undefined }, random);
    expect(slot).toMatchObject({ releaseSequence: 3, slot: 7, rightPrior: null, rightAnswering: null });
    const device = deviceDraft(wording, {
      releaseSequence: 3,
      engine: "wasm",
      predictP50Ms: 0.3,
      predictP90Ms: 1.2,
    });
    expect(device).toMatchObject({ releaseSequence: 3, predictP50: 250, predictP90: 1_000 });
    for (const draft of [slot, device]) {
      expect(gate({ contracts, nowMs: 0, releases: [3] }, draft.type, { ...draft, ...identity }).ok).toBe(true);
    }
  });
});
