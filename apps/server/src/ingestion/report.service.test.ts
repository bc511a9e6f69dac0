// The reports of a fleet for its manager, with the repository in memory.

import { createContracts, demoContract, demoContracts, egressContracts } from "@attune/shared/contracts/egress";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";
import { describe, expect, test } from "vitest";
import type { ReportRepository } from "./report.repository.js";
import { createReportService } from "./report.service.js";
import { shownBody } from "./shown-body.js";

const identity = { device: "0".repeat(32), epoch: "0".repeat(16), sequence: 1, releaseSequence: 3 };
const slot = { type: "report.slot", contract: 2, ...identity, slot: 5, rightPrior: 20, rightAnswering: 26 };
const verdict = { type: "report.verdict", contract: 2, ...identity, verdict: "worse" };
const metrics = { type: "report.metrics", contract: 1, ...identity, f1Prior: 40, f1Personal: 55 };

type Listed = Awaited<ReturnType<ReportRepository["listReports"]>>[number];

function serviceWith(changes: Partial<ReportRepository>) {
  const repository: ReportRepository = {
    listReports: async () => [],
    countReports: async () => [],
    latestMetrics: async () => new Map(),
    latestBlocks: async () => [],
    countDeadLetters: async () => ({}),
    countConflicts: async () => 0,
    ...changes,
  };
  return createReportService(repository);
}

describe("a report in the list", () => {
  const listed = async (body: Listed["body"]) => {
    const service = serviceWith({ listReports: async () => [{ type: body.type, body } as Listed] });
    return (await service.list({ limit: 1 }))[0]!.body;
  };

  test("of a slot says that the slot's report left, and neither count", async () => {
    const { rightPrior: _p, rightAnswering: _a, ...shown } = slot;
    expect(await listed(slot)).toEqual(shown);
    expect(await listed({ ...slot, contract: demoContract })).toEqual({ ...shown, contract: demoContract });
  });

  test("of a verdict says that a verdict left, and not which", async () => {
    const { verdict: _word, ...shown } = verdict;
    expect(await listed(verdict)).toEqual(shown);
  });

  test("of version 1 is shown whole", async () => {
    expect(await listed(metrics)).toEqual(metrics);
  });

  test("of a version or a type that nobody here knows says its version and type alone", async () => {
    expect(await listed({ ...metrics, contract: 99 })).toEqual({ type: "report.metrics", contract: 99 });
    expect(await listed({ ...slot, type: "toString" })).toEqual({ type: "toString", contract: 2 });
  });
});

test("no field about a person is shown of any message of any version", () => {
  const contracts = createContracts(demoContracts);
  const versions: [string, EgressContracts[number]][] = Object.entries(demoContracts);
  for (const [version, { messages }] of versions) {
    for (const [type, { fields }] of Object.entries(messages)) {
      const body = Object.fromEntries(Object.keys(fields).map((name) => [name, 1]));
      const hidden = Object.keys(fields).filter((name) => fields[name]!.about === "person");
      const shown = shownBody(contracts, { ...body, type, contract: Number(version) });
      expect(Object.keys(shown).sort()).toEqual(
        [...Object.keys(fields).filter((name) => !hidden.includes(name)), "type", "contract"].sort(),
      );
    }
  }
  expect(Object.keys(egressContracts[2].messages["report.slot"].fields)).toContain("rightPrior");
});

test("a device's summary counts its slots and verdicts, and shows its latest metrics where it sent some", async () => {
  const [d1, d2] = ["1".repeat(32), "2".repeat(32)] as const;
  const service = serviceWith({
    countReports: async () => [
      { device: d2, type: "report.metrics", reports: 4, bytes: 400 },
      { device: d1, type: "report.slot", reports: 3, bytes: 1_152 },
      { device: d1, type: "report.verdict", reports: 1, bytes: 320 },
    ],
    latestMetrics: async () => new Map([[d2, metrics]]),
    countDeadLetters: async () => ({ contract: 2 }),
    countConflicts: async () => 1,
  });
  expect(await service.summarise()).toEqual({
    reports: 8,
    conflicts: 1,
    deadLetters: { contract: 2 },
    devices: [
      { device: d1, reports: 4, bytes: 1_472, slots: 3, verdicts: 1, latestMetrics: null },
      { device: d2, reports: 4, bytes: 400, slots: 0, verdicts: 0, latestMetrics: metrics },
    ],
  });
});

test("averages state the fewest devices that one needs", async () => {
  const asked: (string | undefined)[] = [];
  const block = { fleet: "home", releaseSequence: 3, rightPrior: 20, rightAnswering: 26 };
  const service = serviceWith({
    latestBlocks: async (fleet) => {
      asked.push(fleet);
      return [block, block];
    },
  });
  expect(await service.average("home")).toEqual({
    minDevices: 5,
    releases: [{ fleet: "home", releaseSequence: 3, devices: 2, averages: null }],
  });
  await service.average();
  expect(asked).toEqual(["home", undefined]);
});
