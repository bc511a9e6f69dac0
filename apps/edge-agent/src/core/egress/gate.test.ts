// The egress gate lets pass what the contract declares and nothing else, and repeats nothing of what it denies.

import { createContracts, type MessageType } from "@attune/shared/contracts/egress";
import { describe, expect, test } from "vitest";
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
  test("lets a declared message pass as canonical bytes", () => {
    const result = gate("report.metrics", metrics);
    expect(result.ok && new TextDecoder().decode(result.value.bytes)).toContain('{"contract":1,"device":"dddd');
  });

  test("writes a download as the path that is requested", () => {
    const download = { type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset: 4_096 };
    const result = gate("download", download);
    expect(result.ok && new TextDecoder().decode(result.value.bytes)).toBe(`/v1/chunks/${"a".repeat(64)}`);
    expect(gate("download", { ...download, offset: 100 }).ok).toBe(false);
    expect(gate("download", { ...download, sha256: "../secret" }).ok).toBe(false);
  });

  test.each([
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

  test("denies a version that this agent does not know", () => {
    expect(gate("report.metrics", { ...metrics, contract: 99 })).toMatchObject({
      ok: false,
      reason: "unknownContract",
    });
  });

  test("denies a type that the contract does not declare", () => {
    expect(gate("toString" as never, metrics)).toMatchObject({ ok: false, reason: "unknownType" });
  });
});

describe("the egress gate under contract 2", () => {
  const contracts = createContracts();
  const identity = { device: "d".repeat(32), epoch: "e".repeat(16), sequence: 1, releaseSequence: 3 };
  const slot = { ...identity, type: "report.slot", contract: 2, slot: 1, rightPrior: 20, rightAnswering: null };
  const full = { ...slot, rightAnswering: 22 };
  const bare = { ...identity, type: "report.slot", contract: 2, slot: 1 };
  const lastMs = Date.UTC(2028, 5, 30);
  const at = (nowMs: number, message: object) =>
    gateOf({ contracts, nowMs, releases: [0, 3] }, (message as typeof slot).type as MessageType, message);
  const sent = (result: ReturnType<typeof at>) => result.ok && JSON.parse(new TextDecoder().decode(result.value.bytes));

  test("leaves a field out from the day on which it expires, and not an hour before", () => {
    expect(sent(at(lastMs - 3_600_000, full))).toEqual(full);
    expect(sent(at(lastMs - 1, full))).toEqual(full);
    expect(sent(at(lastMs, full))).toEqual(bare);
    expect(sent(at(lastMs, bare))).toEqual(bare);
    const state = { ...identity, type: "report.state", contract: 2, state: "failed", reason: "network" };
    expect(sent(at(lastMs, state))).toEqual({ ...identity, type: "report.state", contract: 2 });
  });

  test("refuses a message without a field before that day, whether the field is absent or undefined", () => {
    const { rightPrior: _, ...without } = full;
    for (const message of [bare, without, { ...bare, rightPrior: undefined, rightAnswering: undefined }]) {
      expect(at(lastMs - 1, message)).toMatchObject({ ok: false, reason: "notInContract" });
    }
    expect(at(lastMs - 1, bare)).toMatchObject({ detail: "report.slot: rightPrior, rightAnswering" });
  });

  test("lets no undeclared field pass after that day", () => {
    expect(at(lastMs, { ...full, note: "what I said" })).toMatchObject({ ok: false });
  });

  test("refuses counts of which one alone is empty", () => {
    expect(at(0, slot).ok).toBe(false);
    expect(at(0, { ...slot, rightPrior: null }).ok).toBe(true);
  });

  test("refuses the number of a release that the server never named", () => {
    for (const releaseSequence of [1, 2, 4, 65_535]) {
      expect(at(0, { ...full, releaseSequence })).toMatchObject({ detail: "report.slot: releaseSequence" });
    }
    for (const releaseSequence of [0, 3]) expect(at(0, { ...full, releaseSequence }).ok).toBe(true);
  });

  test("refuses a negative zero, which JSON cannot say", () => {
    expect(at(0, { ...full, rightPrior: -0 })).toMatchObject({ ok: false, reason: "notInContract" });
    expect(at(0, { ...full, rightPrior: 0 }).ok).toBe(true);
  });

  test("sends the value that it judged, where a field changes from one reading to the next", () => {
    let asked = 0;
    const changing = Object.defineProperty({ ...full }, "contract", {
      get: () => (asked++ === 0 ? 2 : 1),
      enumerable: true,
    });
    expect(sent(at(0, changing))).toEqual(full);
    expect(at(0, { ...full, contract: Symbol("2") })).toMatchObject({ ok: false, reason: "notInContract" });
  });

  test("gives each report about a person one length, whatever its numbers", () => {
    const largest = { sequence: 2_147_483_647, releaseSequence: 65_535, slot: 2_147_483_647 };
    const releases = [0, 3, 65_535];
    const sizes = (message: object) => {
      const result = gateOf({ contracts, nowMs: 0, releases }, (message as typeof slot).type as MessageType, message);
      return result.ok && result.value.bytes.length;
    };
    const { slot: _, ...numbers } = largest;
    const verdict = { ...identity, type: "report.verdict", contract: 2, verdict: "same" };
    expect([full, { ...full, ...largest }, { ...slot, rightPrior: null }].map(sizes)).toEqual([384, 384, 384]);
    expect([verdict, { ...verdict, ...numbers, verdict: "tooLittle" }].map(sizes)).toEqual([320, 320]);
  });
});
