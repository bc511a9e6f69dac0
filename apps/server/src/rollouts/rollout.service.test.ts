// Rollouts with the repository in memory.

import { AppError } from "@attune/shared/errors";
import { beforeEach, describe, expect, test } from "vitest";
import { deadlineMs, rolloutOf } from "../../../../test/rollouts/virtual-rollout.js";
import { defaultPolicy, type Snapshot, type Step } from "./rollout.plan.js";
import type { RolloutRepository } from "./rollout.repository.js";
import { createRolloutService, type RolloutService } from "./rollout.service.js";

const by = { actor: "nora", reason: null };
const noon = Date.UTC(2026, 0, 1, 12);
type Rollout = NonNullable<Awaited<ReturnType<RolloutRepository["find"]>>>;
type DeviceRow = Awaited<ReturnType<RolloutRepository["devicesOf"]>>[number];

/** Keeps rollouts in memory. A test replaces a call where the database refuses. */
function createFakeRepository(devices: readonly DeviceRow[], verdicts: ReadonlyMap<string, string>) {
  const rollouts: Rollout[] = [];
  const repository: RolloutRepository = {
    async start({ fleet, releaseSequence, at }) {
      const active = rollouts.find((one) => one.fleetName === fleet && one.status === "active");
      if (active?.releaseSequence === releaseSequence) return active;
      if (active !== undefined) Object.assign(active, { status: "superseded", endedAt: at });
      const rollout = { id: `r${rollouts.length + 1}`, fleetName: fleet, releaseSequence, status: "active" };
      const policy = { ...defaultPolicy, deadlineMs: BigInt(defaultPolicy.deadlineMs) };
      const harm = { harmNextRank: 0, harmVerdicts: 0, harmWorse: 0 };
      const fallback = { fallbackSequence: null, revertsTo: null, intake: true };
      rollouts.push({ ...rollout, ...policy, ...harm, ...fallback, createdAt: at, endedAt: null });
      return rollouts.at(-1)!;
    },
    latest: async (fleet) => rollouts.findLast(({ fleetName }) => fleetName === fleet) ?? null,
    find: async (id) => rollouts.find((one) => one.id === id) ?? null,
    groupsOf: async () => [
      { index: 0, state: "inconclusive", deadlineAt: new Date(noon), devices: 5, counts: { open: 3, succeeded: 2 } },
    ],
    devicesOf: async ({ fleetName }) => (fleetName === "home" ? [...devices] : []),
    verdictsOn: async ({ releaseSequence }) => (releaseSequence === 3 ? new Map(verdicts) : new Map()),
  };
  return repository;
}

const device = (id: string, changes: Partial<DeviceRow> = {}): DeviceRow => ({
  ...{ id, revokedAt: null, lastSeenAt: new Date(noon + 60_000), releaseSequence: 2, state: "idle", reason: "none" },
  ...{ group: 0, assignment: "open" },
  ...changes,
});

let devices: DeviceRow[];
/** Verdicts on release 3. */
let verdicts: Map<string, string>;
let repository: RolloutRepository;
/** The rollout on which decisions are taken, and the steps of these. */
let underway: Snapshot;
let taken: Step[];
const refuse = () => Promise.reject(new AppError("CONFLICT", "refused"));
let service: RolloutService;
let nowMs: number;
beforeEach(() => {
  nowMs = noon;
  devices = [];
  verdicts = new Map();
  repository = createFakeRepository(devices, verdicts);
  taken = [];
  underway = rolloutOf([2, 2]);
  service = createRolloutService({
    repository,
    plans: { plan: async () => refuse(), apply: async () => refuse() },
    steps: {
      async advance(_rollout, { decide }) {
        const steps = decide(underway);
        taken.push(...steps);
        return steps;
      },
    },
    now: () => nowMs,
  });
});

describe("a rollout", () => {
  test("starts now, and once: to start it again answers the rollout that runs", async () => {
    const rollout = { rollout: "r1", fleet: "home", releaseSequence: 3, status: "active" };
    const first = await service.create({ fleet: "home", releaseSequence: 3 }, by);
    expect(first).toEqual({ ...rollout, createdAt: new Date(noon).toISOString() });
    nowMs += 1_000;
    expect(await service.create({ fleet: "home", releaseSequence: 3 }, by)).toEqual(first);
  });

  test.each(["NOT_FOUND", "CONFLICT"] as const)("that the database refuses with %s does not start", async (code) => {
    repository.start = async () => Promise.reject(new AppError(code, "refused"));
    await expect(service.create({ fleet: "home", releaseSequence: 3 }, by)).rejects.toMatchObject({ code });
    await expect(service.status({ fleet: "home" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("a fleet manager's decision", () => {
  const home = { fleet: "home" };
  beforeEach(() => service.create({ fleet: "home", releaseSequence: 3 }, by));

  test("pauses once, and resumes with the failed groups judged again", async () => {
    await service.pause(home, by);
    expect(taken).toEqual([{ kind: "rollout", status: "paused" }]);
    underway = { ...underway, status: "paused" };
    await service.pause(home, by);
    expect(taken).toHaveLength(1);
    await service.resume({ rollout: "r1" }, by);
    expect(taken.slice(1)).toEqual([
      { kind: "group", index: 0, group: { state: "active", deadlineAtMs: deadlineMs, acceptedFailures: 0 } },
      { kind: "rollout", status: "active" },
    ]);
  });

  test("aborts, and goes back only where there is a fallback", async () => {
    await expect(service.abort({ ...home, reverts: true }, by)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(taken).toEqual([]);
    await service.abort({ ...home, reverts: false }, by);
    const rollout = (await repository.find("r1")) as { fallbackSequence: number | null };
    rollout.fallbackSequence = 4;
    await service.abort({ ...home, reverts: true }, by);
    expect(taken).toEqual([
      { kind: "rollout", status: "aborted" },
      { kind: "rollout", status: "aborted", reverts: true },
    ]);
  });

  test.each(["pause", "resume"] as const)("to %s an ended rollout is refused by its state", async (change) => {
    underway = { ...underway, status: "stopped" };
    const refused = { code: "CONFLICT", message: "rollout r1 is stopped already" };
    await expect(service[change](home, by)).rejects.toMatchObject(refused);
    await expect(service.abort({ ...home, reverts: false }, by)).rejects.toMatchObject(refused);
    await expect(service[change]({ fleet: "office" }, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("the status", () => {
  beforeEach(async () => {
    await service.create({ fleet: "home", releaseSequence: 2 }, by);
    nowMs += 1_000;
    await service.create({ fleet: "home", releaseSequence: 3 }, by);
  });

  test("of a fleet is of its latest rollout, and an earlier rollout is found by its name", async () => {
    expect(await service.status({ fleet: "home" })).toMatchObject({ rollout: "r2", status: "active" });
    expect(await service.status({ rollout: "r1" })).toMatchObject({ releaseSequence: 2, status: "superseded" });
  });

  test.each([
    [{ rollout: "r9" }, "there is no rollout r9"],
    [{ fleet: "office" }, 'fleet "office" has no rollout'],
  ])("of %o is refused by that name", async (asked, message) => {
    await expect(service.status(asked)).rejects.toMatchObject({ code: "NOT_FOUND", message });
  });

  test("names each device with its standing, counts them, and leaves out revoked devices", async () => {
    devices.push(
      device("d1", { releaseSequence: 3, state: "committed" }),
      device("d2", { state: "rejected", reason: "personalInferior" }),
      device("d3", { state: "downloading" }),
      device("d4", { lastSeenAt: null }),
      device("d5", { releaseSequence: 3, revokedAt: new Date(noon) }),
    );
    const { counts, devices: shown } = await service.status({ fleet: "home" });
    expect(counts).toEqual({ devices: 4, committed: 1, rejected: 1, underway: 1, waiting: 1, failed: 0 });
    expect(shown.map(({ device, standing, reason }) => [device, standing, reason])).toEqual([
      ["d1", "committed", "none"],
      ["d2", "rejected", "personalInferior"],
      ["d3", "underway", "none"],
      ["d4", "waiting", "none"],
    ]);
  });

  test("names the devices that an inconclusive group misses, and says how much evidence of harm there is", async () => {
    devices.push(device("d1", { assignment: "succeeded" }), device("d2"), device("d3", { group: 1 }));
    const { groups, harm } = await service.status({ fleet: "home" });
    expect(groups).toMatchObject([{ group: 0, state: "inconclusive", missing: ["d2"], counts: { open: 3 } }]);
    expect(harm).toEqual({ bound: 0.2, verdicts: 0, worse: 0, evidence: 1, stopsAt: 20, shownHarmless: false });
  });

  test("judges a device by the rollout that is asked for", async () => {
    devices.push(device("d1", { releaseSequence: 2, state: "committed" }));
    expect((await service.status({ rollout: "r1" })).counts.committed).toBe(1);
    expect((await service.status({ rollout: "r2" })).counts.committed).toBe(0);
  });

  test("takes a verdict for the end of the update, and counts the words of the devices that are present", async () => {
    devices.push(...["d1", "d2", "d3", "d4"].map((id) => device(id, { state: "testing" })));
    devices.push(device("d5", { revokedAt: new Date(noon) }), device("d6", { state: "unknown", reason: "unknown" }));
    for (const [i, verdict] of ["better", "tooLittle", "worse"].entries()) verdicts.set(`d${i + 1}`, verdict);
    verdicts.set("d5", "worse");
    const status = await service.status({ fleet: "home" });
    expect(status.verdicts).toEqual({ better: 1, same: 0, worse: 1, tooLittle: 1 });
    expect(status.devices.map(({ standing }) => standing)).toEqual([
      ...["committed", "committed", "rejected", "underway", "waiting"],
    ]);
    expect(JSON.stringify(status.devices)).not.toContain("tooLittle");
    expect((await service.status({ rollout: "r1" })).verdicts).toMatchObject({ better: 0, worse: 0 });
  });

  test("fails loudly where a stored state is not in the contract", async () => {
    devices.push(device("d1", { state: "asleep" }));
    await expect(service.status({ fleet: "home" })).rejects.toThrow();
  });
});
