// An adversary inside the agent chooses every word about the person. The egress lets at most the budget of bits leave
// in a slot, and no other byte changes with the words.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore, type MemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher, createTestHashing } from "@attune/fakes/node-crypto";
import { noisyCountValues } from "@attune/ml/privacy/noisy-count";
import { verdicts } from "@attune/shared/contracts/current-state";
import { createContracts } from "@attune/shared/contracts/egress";
import { capacityBits, personSizes } from "@attune/shared/contracts/egress-declaration";
import { AppError } from "@attune/shared/errors";
import { beforeEach, describe, expect, test } from "vitest";
import { type Egress, openEgress } from "./egress.js";
import { ledgerPersonBits } from "./ledger.js";
import type { Draft } from "./report.js";

const contracts = createContracts();
const { slotMs, budgetBits } = contracts.rules(2)!;
const counts = noisyCountValues();
/** Every pair of counts that a slot's report can hold, the empty pair first: 901. */
const pairs = [[null, null], ...counts.flatMap((prior) => counts.map((answering) => [prior, answering] as const))];

let store: MemoryStore;
let steadyMs: number;
let egress: Egress;

const open = () =>
  openEgress({
    store,
    contracts,
    cipher: createTestCipher(),
    hashing: createTestHashing("device"),
    clock: { monotonicMs: () => steadyMs, nowMs: () => Date.UTC(2026, 10, 22) + steadyMs, sleep: async () => {} },
    log: () => {},
    contract: () => 2,
    releases: () => [0, 3, 4],
    announced: () => ({ releaseSequence: 3, state: "testing", reason: "none" }),
    judgedRelease: () => 4,
    outboxLimit: 100,
    sender: () => ({ device: "d".repeat(32), epoch: "e".repeat(16) }),
    onQueued: () => {},
  });

/** A device in its first slot, whose report is due. */
async function begin(): Promise<void> {
  store = createMemoryStore(createFaults());
  steadyMs = 0;
  egress = await open();
  steadyMs += (await egress.advanceSlot())!.dueInMs!;
}

beforeEach(begin);

const slotReport = ([rightPrior, rightAnswering]: readonly (number | null)[], more: object = {}) =>
  ({ type: "report.slot", contract: 2, rightPrior, rightAnswering, ...more }) as Draft;
const verdictReport = (verdict: string, more: object = {}) =>
  ({ type: "report.verdict", contract: 2, verdict, ...more }) as Draft;

const bodies = () =>
  [...store.contents]
    .filter(([key]) => key.startsWith("outbox/"))
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([, bytes]) => new TextDecoder().decode(bytes));

/** The bytes with a mark in place of each word about the person, and without the spaces that fill them. */
const masked = (body: string) => {
  const { rightPrior: _p, rightAnswering: _a, verdict: _v, ...rest } = JSON.parse(body);
  return `${body.length} ${JSON.stringify(rest)}`;
};

/** Whether the egress took the report. */
async function take(...drafts: Draft[]): Promise<boolean> {
  try {
    await egress.queue(drafts, []);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "EGRESS_DENIED") return false;
    throw error;
  }
}

describe("the words about a person", () => {
  test("change no other byte of a report: 901 pairs of counts and 4 verdicts", async () => {
    expect(pairs.length).toBe(901);
    const seen = new Set<string>();
    const forms = new Set<string>();
    for (const [i, pair] of pairs.entries()) {
      await begin();
      await egress.confirm();
      expect(await take(slotReport(pair), verdictReport(verdicts[i % 4]!))).toBe(true);
      const [slot, verdict] = bodies();
      seen.add(slot!).add(verdict!);
      forms.add(masked(slot!)).add(masked(verdict!));
    }
    expect(seen.size).toBe(901 + 4);
    expect([...forms].map((form) => form.slice(0, 4))).toEqual(["384 ", "320 "]);
  });

  test("are all that their sender chooses: neither version, device, number, slot nor release", async () => {
    await egress.confirm();
    await take(slotReport([20, 22]), verdictReport("better"));
    const expected = bodies();
    for (const releaseSequence of [0, 3, 4, 65_535]) {
      await begin();
      await egress.confirm();
      const chosen = { device: "a".repeat(32), epoch: "b".repeat(16), sequence: 77, releaseSequence, contract: 1 };
      expect(await take(slotReport([20, 22], { ...chosen, slot: 9 }), verdictReport("better", chosen))).toBe(true);
      expect(bodies()).toEqual(expected);
    }
    expect(expected.map((body) => JSON.parse(body))).toMatchObject([
      { contract: 2, sequence: 1, slot: 1, releaseSequence: 3 },
      { contract: 2, sequence: 2, releaseSequence: 4 },
    ]);
  });

  test("leave a slot's report out of its time: neither before the drawn time nor twice", async () => {
    await begin();
    steadyMs -= 2;
    expect(await take(slotReport([20, 22]))).toBe(false);
    steadyMs += 2;
    expect(await take(slotReport([20, 22]), slotReport([22, 20]))).toBe(false);
    expect(await take(slotReport([20, 22]))).toBe(true);
    expect(await take(slotReport([20, 22]))).toBe(false);
  });

  test("fit no other report: what is about the device has no field for them", async () => {
    const state = { type: "report.state", contract: 2, releaseSequence: 4, state: "failed", reason: "network" };
    expect(await take({ ...state, rightPrior: 20 } as unknown as Draft)).toBe(false);
    expect(await take({ ...state, verdict: "better" } as unknown as Draft)).toBe(false);
    const metrics = { type: "report.metrics", contract: 1, f1Prior: 50, f1Personal: 60 };
    expect(await take(metrics as unknown as Draft)).toBe(false);
    expect(await take(state as unknown as Draft)).toBe(true);
  });
});

describe("the budget of a slot", () => {
  const acts = ["slot", "verdict", "both", "restart", "believed poll"] as const;
  type Act = (typeof acts)[number];

  async function act(kind: Act, i: number): Promise<void> {
    if (kind === "slot") await take(slotReport(pairs[i * 7]!));
    if (kind === "verdict") await take(verdictReport(verdicts[i % 4]!));
    if (kind === "both") await take(verdictReport(verdicts[i % 4]!), slotReport(pairs[i * 5]!));
    if (kind === "restart") egress = await open();
    if (kind === "believed poll") await egress.confirm();
  }

  /** All sequences of `length` acts. */
  function sequences(length: number): Act[][] {
    if (length === 0) return [[]];
    return sequences(length - 1).flatMap((before) => acts.map((next) => [...before, next]));
  }

  test("holds in every order of four acts: reports, repetitions, restarts and kept drafts", async () => {
    let fullest = 0;
    for (const order of sequences(4)) {
      await begin();
      for (const [i, kind] of order.entries()) await act(kind, i + 1);
      await egress.confirm();
      const types = bodies().map((body) => JSON.parse(body).type as string);
      const bits = capacityBits(types.flatMap((type) => personSizes(contracts.declaration(2, type)!)));
      expect(bits, order.join(", ")).toBeLessThanOrEqual(budgetBits);
      expect(new Set(types).size, order.join(", ")).toBe(types.length);
      expect(ledgerPersonBits(egress.ledger), order.join(", ")).toBeCloseTo(bits, 9);
      expect(egress.slot()!.spentBits).toBeCloseTo(bits, 9);
      // The slot's report has room, whatever came before it.
      if (!types.includes("report.slot")) expect(await take(slotReport([0, 0])), order.join(", ")).toBe(true);
      fullest = Math.max(fullest, bits);
    }
    expect(fullest).toBeCloseTo(Math.log2(901) + 2, 9);
  });

  test("is whole again in the next slot, whose number the egress counts", async () => {
    await egress.confirm();
    for (let slot = 1; slot <= 3; slot++) {
      expect(await take(verdictReport("same"), slotReport([20, 22]))).toBe(true);
      expect(await take(verdictReport("same"))).toBe(false);
      steadyMs += slotMs;
      steadyMs += (await egress.advanceSlot())!.dueInMs!;
    }
    const slots = bodies().map((body) => JSON.parse(body).slot as number | undefined);
    expect(slots.filter((slot) => slot !== undefined)).toEqual([1, 2, 3]);
  });

  test("is not spent by a report that the store did not take", async () => {
    await egress.confirm();
    const { batch } = store;
    Object.assign(store, { batch: () => Promise.reject(new AppError("DISK_FULL", "no space (by the test)")) });
    await expect(egress.queue([slotReport([20, 22])], [])).rejects.toMatchObject({ code: "DISK_FULL" });
    Object.assign(store, { batch });
    expect(egress.slot()).toMatchObject({ dueInMs: 0, spentBits: 0 });
    expect(await take(slotReport([24, 26]))).toBe(true);
    expect(bodies().map((body) => JSON.parse(body).rightPrior)).toEqual([24]);
  });
});

describe("a kept report", () => {
  test("gets its numbers although a clock was set right or its release went since it was made", async () => {
    const startMs = steadyMs;
    // By this clock every expiry day is over, so the report lacks its counts.
    steadyMs += Date.UTC(2036, 0, 1) - Date.UTC(2026, 10, 22);
    await egress.advanceSlot();
    steadyMs += egress.slot()!.dueInMs!;
    expect(await take(slotReport([20, 22]))).toBe(true);
    expect(await take(slotReport([20, 22]))).toBe(false);
    steadyMs = startMs;
    egress = await open();
    await egress.confirm();
    expect(egress.pending).toBe(1);
    expect(egress.sendable).toBe(1);
    expect(JSON.parse(bodies()[0]!)).not.toHaveProperty("rightPrior");
  });
});
