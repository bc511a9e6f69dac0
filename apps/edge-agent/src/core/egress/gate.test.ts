// The egress gate lets pass what the contract declares and nothing else, and repeats nothing of what it denies.

import { createContracts, type MessageType } from "@attune/shared/contracts/egress";
import { describe, expect, it } from "vitest";
import { gate as gateOf } from "./gate.js";

const gate = (type: MessageType, message: unknown) =>
  gateOf({ contracts: createContracts(), nowMs: 0, releases: [0, 3] }, type, message);

const metrics = {
  type: "report.metrics",
  contract: 1,
  device: "d".repeat(32),
  epoch: "e".repeat(16),
  sequence: 1,
  releaseSequence: 1,
  engine: "reference",
  headKind: "linear",
  utterances: 50,
  holdout: 10,
  f1Prior: null,
  f1Personal: null,
  predictP50: 1_000,
  predictP90: 2_000,
  trainTime: 10,
};

describe("the egress gate", () => {
  it("lets a declared message pass as canonical bytes", () => {
    const result = gate("report.metrics", metrics);
    expect(result.ok && new TextDecoder().decode(result.value.bytes)).toContain('{"contract":1,"device":"dddd');
  });

  it("writes a download as the path that is requested", () => {
    const download = { type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset: 4_096 };
    const result = gate("download", download);
    expect(result.ok && new TextDecoder().decode(result.value.bytes)).toBe(`/v1/chunks/${"a".repeat(64)}`);
    expect(gate("download", { ...download, offset: 100 }).ok).toBe(false);
    expect(gate("download", { ...download, sha256: "../secret" }).ok).toBe(false);
  });

  it.each([
    ["an undeclared field", { ...metrics, note: "what I said" }],
    ["free text in an enum", { ...metrics, engine: "what I said" }],
    ["free text in an identity", { ...metrics, device: "what I said" }],
    ["NaN", { ...metrics, utterances: Number.NaN }],
    ["infinity", { ...metrics, sequence: Number.POSITIVE_INFINITY }],
    ["a number between the edges", { ...metrics, predictP50: 1_234 }],
    ["an F1 above one hundred", { ...metrics, f1Prior: 101 }],
    ["a missing field", { ...metrics, holdout: undefined }],
    ["another type's name", { ...metrics, type: "report.state" }],
  ])("denies %s and repeats no value", (_, message) => {
    const result = gate("report.metrics", message);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain("what I said");
  });

  it("denies a version that this agent does not know", () => {
    expect(gate("report.metrics", { ...metrics, contract: 99 })).toMatchObject({
      ok: false,
      reason: "unknownContract",
    });
  });

  it("denies a type that the contract does not declare", () => {
    expect(gate("toString" as never, metrics)).toMatchObject({ ok: false, reason: "unknownType" });
  });
});
