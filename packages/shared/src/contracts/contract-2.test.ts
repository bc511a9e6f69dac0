import { expect, test } from "vitest";
import { verdicts } from "./current-state.js";
import { createContracts, demoContract, demoContracts, egressContracts, weeklyBits, wireBody } from "./egress.js";
import { capacityBits, domainSizes, type EgressContracts, personSizes } from "./egress-declaration.js";
import { lettersOf } from "./letters.js";
import { judgeReport } from "./report.js";

const contracts = createContracts();
const inDemonstrations = createContracts(demoContracts);
const bounded: [string, EgressContracts[number]][] = Object.entries(demoContracts).filter(([, { person }]) => person);
const slot = {
  type: "report.slot",
  contract: 2,
  device: "0123456789abcdef0123456789abcdef",
  epoch: "0123456789abcdef",
  sequence: 7,
  releaseSequence: 3,
  slot: 5,
  rightPrior: 22,
  rightAnswering: 26,
} as const;

test("two noisy counts, or none, are 9.82 bits about the person", () => {
  const declaration = contracts.declaration(2, "report.slot")!;
  expect(personSizes(declaration)).toEqual([30 * 30 + 1]);
  expect(capacityBits(personSizes(declaration))).toBeCloseTo(9.815, 3);
});

test("a verdict is two bits about the person", () => {
  expect(personSizes(contracts.declaration(2, "report.verdict")!)).toEqual([verdicts.length]);
});

test.each(bounded)("contract %s says at most its budget about a person in a slot", (_, { messages, person }) => {
  const bits = Object.values(messages).reduce((sum, message) => sum + capacityBits(personSizes(message)), 0);
  expect(bits).toBeGreaterThan(0);
  expect(bits).toBeLessThanOrEqual(person!.budgetBits);
});

test.each(bounded)("contract %s has no field about the person outside the slot and the verdict", (_, { messages }) => {
  const types = Object.keys(messages).filter((type) => personSizes(messages[type]!).length > 0);
  expect(types).toEqual(["report.slot", "report.verdict"]);
});

test.each(bounded)("each message of contract %s has a reader, a retention and an owner", (_, { messages }) => {
  for (const { reader, retention, owner } of Object.values(messages))
    expect([reader, retention, owner]).not.toContain(undefined);
});

test.each(bounded)(
  "each field of contract %s that says something new says about whom, and until when",
  (_, { messages }) => {
    for (const [type, { fields }] of Object.entries(messages)) {
      for (const [name, { about, expires }] of Object.entries(fields)) {
        expect(about, `${type}.${name}`).toBeDefined();
        // A download without its kind of address would be no download.
        if (about !== "known" && type !== "download") expect(expires, `${type}.${name}`).toMatch(/^\d{4}-\d\d-\d\d$/);
      }
    }
  },
);

test.each(bounded)(
  "no field of contract %s ends within sixty days: renew it, or leave it out of the next contract",
  (_, { messages }) => {
    const soon = new Date(Date.now() + 60 * 86_400_000).toISOString().slice(0, 10);
    const ending = Object.entries(messages).flatMap(([type, { fields }]) =>
      Object.entries(fields)
        .filter(([, { expires }]) => expires !== undefined && expires <= soon)
        .map(([name]) => `${type}.${name}`),
    );
    expect(ending).toEqual([]);
  },
);

test("counts are null together, or left out together after their last day, or not at all", () => {
  expect(judgeReport(contracts, slot)).toEqual({ ok: true, value: slot });
  expect(judgeReport(contracts, { ...slot, rightPrior: null, rightAnswering: null }).ok).toBe(true);
  expect(judgeReport(contracts, { ...slot, rightPrior: null })).toMatchObject({ reason: "notInContract" });
  expect(judgeReport(contracts, { ...slot, rightAnswering: null })).toMatchObject({ reason: "notInContract" });
  const { rightAnswering: _left, ...half } = slot;
  expect(judgeReport(contracts, half)).toMatchObject({ reason: "notInContract" });
  expect(judgeReport(contracts, { ...half, rightPrior: null })).toMatchObject({ reason: "notInContract" });
  const { rightPrior: _too, ...neither } = half;
  expect(judgeReport(contracts, neither).ok).toBe(true);
});

test.each([-6, 56, 1, 21, 2.5, Number.NaN])("a count of %d is refused", (rightPrior) => {
  expect(judgeReport(contracts, { ...slot, rightPrior })).toMatchObject({ reason: "notInContract" });
});

test("every message of a declared length has that length, from the shortest values to the longest", () => {
  const declaration = contracts.declaration(2, "report.slot")!;
  const shortest = { ...slot, sequence: 1, slot: 1, releaseSequence: 1, rightPrior: 0, rightAnswering: 0 };
  const longest = {
    ...slot,
    sequence: 2 ** 31 - 1,
    slot: 2 ** 31 - 1,
    releaseSequence: 65_535,
    rightPrior: null,
    rightAnswering: null,
  };
  const [short, long] = [shortest, longest].map((message) => wireBody(declaration, message));
  expect(long!.trimEnd().length).toBeLessThanOrEqual(declaration.sizeBytes!);
  expect(short!.length).toBe(long!.length);
  expect(judgeReport(contracts, JSON.parse(short!))).toEqual({ ok: true, value: shortest });
});

test("a demonstration's contract is known in demonstrations alone", () => {
  const message = { ...slot, contract: demoContract };
  expect(judgeReport(inDemonstrations, message).ok).toBe(true);
  expect(judgeReport(contracts, message)).toMatchObject({ reason: "unknownContract" });
});

test("a version that says less needs no new consent, and a version without a bound always does", () => {
  expect(contracts.saysMore(2, 1)).toBe(false);
  expect(contracts.saysMore(1, 2)).toBe(false);
  expect(inDemonstrations.saysMore(demoContract, 2)).toBe(true);
  expect(createContracts({ ...egressContracts, 3: egressContracts[1] }).saysMore(3, 2)).toBe(true);
  expect(createContracts({ ...egressContracts, 3: egressContracts[1] }).saysMore(3, 1)).toBe(true);
});

test("a year under contract 2 is a bound that one can picture", () => {
  expect(weeklyBits(egressContracts[2])).toBe(12);
  expect(lettersOf(52 * weeklyBits(egressContracts[2]))).toBe(416);
  expect(domainSizes(contracts.declaration(2, "poll")!)).toEqual([9, 16]);
});
