// Staged rollouts on the real PostgreSQL: two server processes on one database, offers, and stops.

import { sha256 } from "@attune/platform/sha256";
import { type Database, openDatabase } from "@attune/server/platform/postgres/database";
import { migrate } from "@attune/server/platform/postgres/migrate";
import { type Postgres, startEmbeddedPostgres } from "@attune/server/platform/postgres/postgres";
import { defaultPolicy, plan } from "@attune/server/rollouts/rollout.plan";
import { createRolloutRepository } from "@attune/server/rollouts/rollout.repository";
import { createRolloutTicker } from "@attune/server/rollouts/rollout.ticker";
import { createRolloutStepsRepository } from "@attune/server/rollouts/rollout-steps.repository";
import { inHashOrder, insertRollout } from "@attune/server/rollouts/rollout-writes";
import { createTargetRepository } from "@attune/server/rollouts/target.repository";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { choosePort, makeTemporaryHome, testLogger } from "./temporary-home.js";

const hourMs = 3_600_000;
const noon = Date.UTC(2026, 0, 1, 12);
const by = { actor: "nora", reason: null };
const policy = { ...defaultPolicy, deadlineMs: hourMs };

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let postgres: Postgres;
/** The connections of two server processes. */
let one: Database;
let two: Database;
beforeAll(async () => {
  home = await makeTemporaryHome();
  const choose = choosePort(home, "ATTUNE_POSTGRES_PORT");
  postgres = await startEmbeddedPostgres({ places: home, choosePort: choose, logger: testLogger });
  const { connectionString } = postgres;
  await migrate({ connectionString, logger: testLogger });
  [one, two] = [openDatabase(connectionString, testLogger), openDatabase(connectionString, testLogger)];
  await one.registeredModel.create({ data: { name: "m" } });
  for (let sequence = 1; sequence <= 9; sequence++) {
    const manifest1Sha256 = sha256(`manifest ${sequence}`);
    const times = { issuedAt: new Date(noon - hourMs), expiresAt: new Date(noon + 1_000 * hourMs) };
    await one.modelVersion.create({
      data: { sequence, modelName: "m", version: `${sequence}.0.0`, manifest1Sha256, featureIdentity: "f", ...times },
    });
  }
});
afterAll(async () => {
  await one?.$disconnect();
  await two?.$disconnect();
  await postgres?.stop();
  await home?.remove();
});

let fleet: string;
let fleets = 0;
let devices: string[];
/** The clock of both processes. */
let nowMs: number;
beforeEach(async () => {
  fleet = `fleet-${++fleets}`;
  nowMs = noon;
  devices = [];
  await one.fleet.create({ data: { name: fleet } });
  await one.rollout.updateMany({ data: { status: "superseded" } });
});

async function enrol(count: number): Promise<string[]> {
  const added = Array.from({ length: count }, (_, i) => sha256(`${fleet} ${devices.length + i}`).slice(0, 32));
  await one.device.createMany({
    data: added.map((id) => ({
      ...{ id, fleetName: fleet, nkey: `U${id}`, epoch: "0123456789abcdef", deviceKind: "linux", engine: "wasm" },
      ...{ memory: 1_024, releaseSequence: 1, state: "committed" },
    })),
  });
  devices.push(...added);
  return added;
}

interface Staged {
  readonly release: number;
  readonly fallback?: number;
  readonly sizes: readonly number[];
  readonly intake?: boolean;
}

/** Starts a rollout in groups, and returns its id and its devices in the order of hashes. */
async function start({ release, fallback, sizes, intake = false }: Staged) {
  const id = crypto.randomUUID();
  const order = inHashOrder(id, devices);
  const groups = sizes.map((size, index) => {
    const from = sizes.slice(0, index).reduce((sum, earlier) => sum + earlier, 0);
    return order.slice(from, from + size);
  });
  await one.$transaction((tx) => {
    const releases = { releaseSequence: release, fallbackSequence: fallback ?? null };
    return insertRollout(tx, { id, fleet, ...releases, intake, policy, groups, at: new Date(nowMs) });
  });
  return { id, order };
}

/** The device's answer to a poll, by the process that is asked. */
async function poll(id: string, says: { running?: number; state?: string } = {}, database = two) {
  const { running = 1, state = "committed" } = says;
  await database.device.update({
    where: { id },
    data: { releaseSequence: running, state, reason: "none", lastSeenAt: new Date(nowMs) },
  });
  const device = { id, fleetName: fleet, state };
  const target = await createTargetRepository(database).targetOf(device, { takesOffer: true, reads: 1, atMs: nowMs });
  return target?.sequence ?? null;
}

let reports = 0;
async function sayVerdict(deviceId: string, releaseSequence: number, verdict: string): Promise<void> {
  const identity = {
    deviceId,
    epoch: "0123456789abcdef",
    sequence: ++reports,
    type: "report.verdict",
    releaseSequence,
  };
  const wire = { sizeBytes: 320, bodySha256: sha256(String(reports)), streamSequence: BigInt(reports) };
  await one.report.create({ data: { ...identity, ...wire, body: { verdict } } });
}

function tickerOf(database: Database, holder: string, leaseMs = 60_000) {
  const repository = createRolloutStepsRepository(database);
  return createRolloutTicker({ repository, holder, leaseMs, now: () => nowMs, logger: testLogger });
}

const turn = () => tickerOf(one, "one").turn();
const passLeaseOn = () => one.lease.updateMany({ data: { expiresAt: new Date(0) } });
const statesOf = async (rollout: string) => {
  const groups = await one.rolloutGroup.findMany({ where: { rolloutId: rollout }, orderBy: { index: "asc" } });
  const { status } = await one.rollout.findUniqueOrThrow({ where: { id: rollout } });
  return [status, ...groups.map(({ state }) => state)];
};
const endsOf = async (rollout: string) => {
  const rows = await one.assignment.groupBy({ by: ["state"], where: { rolloutId: rollout }, _count: true });
  return Object.fromEntries(rows.map(({ state, _count }) => [state, _count]));
};

describe("a staged rollout", () => {
  test("reaches its groups in turn, and devices that wait keep their earlier target", async () => {
    await enrol(4);
    await createRolloutRepository(one).start({ fleet, releaseSequence: 1, at: new Date(nowMs), by });
    for (const device of devices) expect(await poll(device)).toBe(1);
    await turn();
    const { id, order } = await start({ release: 2, fallback: 3, sizes: [2, 2] });
    const answers = async () => Promise.all(order.map((device) => poll(device)));
    expect(await answers()).toEqual([2, 2, 1, 1]);
    for (const device of order.slice(0, 2)) await poll(device, { running: 2 });
    await turn();
    expect(await statesOf(id)).toEqual(["active", "passed", "active"]);
    await turn();
    expect(await answers()).toEqual([2, 2, 2, 2]);
    for (const device of order) await poll(device, { running: 2 });
    await turn();
    expect([await statesOf(id), await endsOf(id)]).toEqual([["completed", "passed", "passed"], { succeeded: 4 }]);
  });

  test("stops by verdicts: devices with the offer go to the fallback, the others keep their release", async () => {
    await enrol(20);
    const { id, order } = await start({ release: 4, fallback: 5, sizes: [12, 8] });
    for (const device of order.slice(0, 12)) await poll(device);
    for (const device of order.slice(0, 12)) await sayVerdict(device, 4, "worse");
    await turn();
    expect(await statesOf(id)).toEqual(["stopped", "cancelled", "cancelled"]);
    expect(await endsOf(id)).toEqual({ cancelled: 8, succeeded: 12 });
    expect(await poll(order[0]!)).toBe(5);
    expect(await poll(order[19]!)).toBeNull();
    const [late] = await enrol(1);
    expect(await poll(late!)).toBeNull();
  });

  test("that is paused offers nothing new, and a device that has the offer keeps it", async () => {
    await enrol(2);
    const { id, order } = await start({ release: 2, sizes: [2] });
    expect(await poll(order[0]!)).toBe(2);
    const steps = createRolloutStepsRepository(two);
    await steps.advance(id, { by, nowMs, decide: () => [{ kind: "rollout", status: "paused" }] });
    expect([await poll(order[0]!), await poll(order[1]!)]).toEqual([2, null]);
  });

  test("gives a replayed poll no offer, and records none", async () => {
    await enrol(1);
    await start({ release: 2, sizes: [1] });
    const replayed = { takesOffer: false, reads: 1, atMs: nowMs };
    const device = { id: devices[0]!, fleetName: fleet, state: "idle" };
    expect(await createTargetRepository(two).targetOf(device, replayed)).toBeNull();
    expect(await one.assignment.count({ where: { deviceId: devices[0]!, offeredAt: null } })).toBe(1);
    expect(await poll(devices[0]!)).toBe(2);
    expect(await createTargetRepository(two).targetOf(device, replayed)).toMatchObject({ sequence: 2 });
  });

  test("offers nothing to a device that reads no manifest of the release", async () => {
    await enrol(1);
    const { id } = await start({ release: 9, sizes: [1] });
    await one.modelVersion.update({ where: { sequence: 9 }, data: { manifest1Sha256: null, manifest2Sha256: "9" } });
    expect(await poll(devices[0]!)).toBeNull();
    expect(await one.assignment.count({ where: { rolloutId: id, offeredAt: null } })).toBe(1);
  });

  test("takes in devices that enrol later, each once, though they all poll at once", async () => {
    await enrol(1);
    const { id } = await start({ release: 2, sizes: [1], intake: true });
    const late = await enrol(6);
    const answers = await Promise.all([...late, ...late].map((device, i) => poll(device, {}, i % 2 ? one : two)));
    expect(new Set(answers)).toEqual(new Set([2]));
    const places = await one.assignment.findMany({ where: { rolloutId: id }, orderBy: { rank: "asc" } });
    expect(places.map(({ rank }) => rank)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("that began without a device opens again for the first one, with a whole deadline, and then completes", async () => {
    const { id } = await start({ release: 2, sizes: [0], intake: true });
    await turn();
    nowMs += 10 * hourMs;
    await turn();
    expect(await statesOf(id)).toEqual(["active", "passed"]);
    const late = await enrol(3);
    expect(await Promise.all(late.map((device, i) => poll(device, {}, i % 2 ? one : two)))).toEqual([2, 2, 2]);
    nowMs += policy.deadlineMs / 2;
    await turn();
    expect(await statesOf(id)).toEqual(["active", "active"]);
    for (const device of late) await poll(device, { running: 2 });
    await turn();
    expect([await statesOf(id), await endsOf(id)]).toEqual([["completed", "passed"], { succeeded: 3 }]);
    const [last] = await enrol(1);
    expect(await poll(last!)).toBe(2);
  });

  test("of an older release never overtakes a newer one, and a device back after its end gets what it missed", async () => {
    await enrol(2);
    const newer = await start({ release: 6, sizes: [2] });
    expect(await poll(newer.order[0]!)).toBe(6);
    await start({ release: 2, sizes: [2] });
    expect(await Promise.all(devices.map((device) => poll(device)))).toEqual([6, 6]);
    nowMs += 2 * hourMs;
    await poll(newer.order[0]!, { running: 6 });
    await one.assignment.updateMany({
      where: { rolloutId: newer.id, deviceId: newer.order[1]! },
      data: { offeredAt: null, state: "unreached" },
    });
    await one.rollout.update({ where: { id: newer.id }, data: { status: "completed" } });
    expect(await poll(newer.order[1]!)).toBe(6);
  });
});

describe("two server processes on one database", () => {
  test("take turns: one acts, the other waits until the lease ends, and each holder has a fence of its own", async () => {
    const [first, second] = [tickerOf(one, "one"), tickerOf(two, "two")];
    await passLeaseOn();
    expect(await Promise.all([first.turn(), second.turn()])).toContain(false);
    await passLeaseOn();
    const { fence } = await one.lease.findFirstOrThrow();
    expect([await first.turn(), await second.turn()]).toEqual([true, false]);
    await passLeaseOn();
    expect([await second.turn(), await first.turn()]).toEqual([true, false]);
    expect((await one.lease.findFirstOrThrow()).fence).toBe(fence + 2n);
  });

  test("fence off a holder that wakes up late: its writes are refused, whatever it had decided", async () => {
    await enrol(1);
    const { id } = await start({ release: 2, sizes: [1] });
    await passLeaseOn();
    const [sleeper, other] = [createRolloutStepsRepository(one), createRolloutStepsRepository(two)];
    const fence = await sleeper.acquireLease("sleeper", 60_000);
    await passLeaseOn();
    const stop = { by, nowMs, decide: () => [{ kind: "rollout", status: "stopped" }] as const, fence: fence! };
    await expect(sleeper.advance(id, stop)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await other.acquireLease("other", 60_000)).toBe(fence! + 1n);
    await expect(sleeper.advance(id, stop)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await sleeper.acquireLease("sleeper", 60_000)).toBeUndefined();
    expect(await statesOf(id)).toEqual(["active", "active"]);
  });

  test("act once, though one of them dies at every other write, in the middle of a transaction", async () => {
    await enrol(24);
    const { id, order } = await start({ release: 7, fallback: 8, sizes: [12, 12] });
    await one.$executeRaw`CREATE SEQUENCE deaths`;
    await one.$executeRaw`
      CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('deaths') % 2 = 1 THEN RAISE EXCEPTION 'the process was killed here'; END IF;
        RETURN NULL;
      END $$`;
    for (const table of ["Rollout", "RolloutGroup", "Assignment"]) {
      const when = `CREATE TRIGGER die AFTER UPDATE ON "${table}" FOR EACH STATEMENT`;
      await one.$executeRawUnsafe(
        `${when} WHEN (current_setting('application_name') = 'mortal') EXECUTE FUNCTION die()`,
      );
    }
    const { connectionString } = postgres;
    const mortal = openDatabase(`${connectionString}?application_name=mortal`, testLogger);
    const taken: string[] = [];
    let deaths = 0;
    async function act(database: Database): Promise<void> {
      const repository = createRolloutStepsRepository(database);
      await passLeaseOn();
      const fence = await repository.acquireLease(crypto.randomUUID(), 60_000);
      const steps = await repository.advance(id, { by, nowMs, fence: fence!, decide: plan });
      for (const step of steps) {
        if (step.kind === "judge") taken.push(`${step.assignment.device} ${step.assignment.state}`);
        if (step.kind === "group") taken.push(`group ${step.index} ${step.group.state}`);
        if (step.kind === "rollout") taken.push(step.status);
      }
    }
    const actOrDie = (database: Database) =>
      act(database).catch((error: Error) => {
        if (/killed here/.test(String(error))) deaths++;
        else expect(error).toMatchObject({ code: "CONFLICT" });
      });
    for (const device of order) {
      await poll(device);
      await sayVerdict(device, 7, "same");
      await actOrDie(mortal);
      await Promise.all([actOrDie(mortal), actOrDie(two)]);
    }
    for (let rest = 0; rest < 4; rest++) await act(two);
    await mortal.$disconnect();
    expect(await statesOf(id)).toEqual(["completed", "passed", "passed"]);
    expect(await endsOf(id)).toEqual({ succeeded: 24 });
    expect(deaths).toBeGreaterThan(5);
    expect(new Set(taken).size).toBe(taken.length);
    const { harmNextRank, harmVerdicts, harmWorse } = await one.rollout.findUniqueOrThrow({ where: { id } });
    expect([harmNextRank, harmVerdicts, harmWorse]).toEqual([24, 24, 0]);
  });
});
