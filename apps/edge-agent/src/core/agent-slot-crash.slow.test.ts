// kill -9 before and after every durable step of a slot: its report leaves once, and its block in no other slot.

import {
  type BoundedDevice,
  boundedRelease,
  createBoundedDevice,
  forkBoundedDevice,
} from "@attune/fakes/bounded-device";
import { createTestCipher } from "@attune/fakes/node-crypto";
import { sayings } from "@attune/fakes/tiny-release";
import { egressContract2 } from "@attune/shared/contracts/egress-2";
import { AppError } from "@attune/shared/errors";
import { beforeAll, describe, expect, test } from "vitest";
import { verifyJournal } from "./egress/journal.js";
import { openScores } from "./learning/scores.js";

const { slotMs } = egressContract2.person;
const release = boundedRelease();

/** A device with 60 scored labels. Its process ended a minute before the slot's report, and before the slot's end. */
let beforeReport: BoundedDevice;
let beforeEnd: BoundedDevice;
beforeAll(async () => {
  beforeReport = await createBoundedDevice(release);
  for (const said of sayings(60, 1)) await beforeReport.agent.label(said);
  const slotNow = async (device: BoundedDevice) => (await device.agent.status()).person.slot!;
  await beforeReport.pass((await slotNow(beforeReport)).reportDueInMs! - 60_000);
  await beforeReport.stop();
  beforeEnd = fork();
  beforeEnd.begin();
  await beforeEnd.pass((await slotNow(beforeEnd)).endsInMs - 60_000);
  await beforeEnd.stop();
  expect([received(beforeReport).length, received(beforeEnd).length]).toEqual([0, 1]);
});

function fork(from = beforeReport): BoundedDevice {
  const device = forkBoundedDevice(from, release);
  device.fleet.pollIntervalMs = 86_400_000;
  return device;
}

const received = ({ fleet }: BoundedDevice) =>
  [...fleet.received.values()].map((body) => JSON.parse(body)).filter(({ type }) => type === "report.slot");

/** Lives until so many slots are reported, in as many processes as that takes. Returns how often a process died. */
async function live(device: BoundedDevice, slots: number): Promise<number> {
  for (let deaths = 0; deaths < 10; deaths++) {
    device.begin();
    try {
      await device.clock.until(async () => {
        device.faults.check();
        return received(device).length === slots && (await device.agent.status()).outbox.pending === 0;
      }, 4 * slotMs);
      await device.stop();
      device.faults.check();
      return deaths;
    } catch (error) {
      if (!device.faults.dead) throw error;
      await device.stop();
      device.restart();
    }
  }
  throw new Error("died too often");
}

/** The first slot holds the block of 50, and the second holds none, for ten scores are left. */
async function expectOneReportInEachSlot(device: BoundedDevice, what: string): Promise<void> {
  const reports = received(device);
  expect(
    reports.map(({ slot }) => slot),
    what,
  ).toEqual(reports.map((_, i) => i + 1));
  const hasBlock = reports.map(({ rightPrior, rightAnswering }) => rightPrior !== null && rightAnswering !== null);
  expect(hasBlock, what).toEqual(reports.map((_, i) => i === 0));
  const sent = new Set(device.left("report.slot").map(({ text }) => text));
  expect([...device.fleet.received.values()], what).toEqual(expect.arrayContaining([...sent]));
  // The next process opens the store, and its journal holds the values as they left.
  device.restart();
  const journal = await device.agent.journal({ limit: 1_000_000 });
  expect(
    journal.filter(({ type }) => type === "report.slot").map(({ message }) => message),
    what,
  ).toEqual(reports);
  const ledger = JSON.parse(new TextDecoder().decode(device.store.contents.get("egress")));
  expect((await verifyJournal(journal, ledger.journal, device.ports.hashing)).ok, what).toBe(true);
  const scores = await openScores({ store: device.store, cipher: createTestCipher() });
  expect(scores.count, what).toBe(10);
}

describe("a slot's report", () => {
  test.each([
    ["while the report is made", () => beforeReport, 1],
    ["while the next slot begins", () => beforeEnd, 2],
  ])("leaves once with the same bytes, wherever the process is killed %s", async (_, from, slots) => {
    const calm = fork(from());
    expect(await live(calm, slots)).toBe(0);
    const steps = calm.faults.steps;
    expect(steps).toBeGreaterThan(3);
    await expectOneReportInEachSlot(calm, "calm");
    for (let step = 1; step <= Math.min(steps, 12); step++) {
      for (const when of ["before", "after"] as const) {
        const device = fork(from());
        device.faults.killAt(step, when);
        expect(await live(device, slots)).toBe(1);
        await expectOneReportInEachSlot(device, `killed ${when} step ${step} of ${steps}`);
      }
    }
  });

  test("leaves once where acknowledgements are lost", async () => {
    const device = fork();
    device.fleet.loseAcks = 3;
    await live(device, 2);
    expect(device.left("report.slot").length).toBeGreaterThan(2);
    await expectOneReportInEachSlot(device, "without acknowledgements");
  });

  test("waits for room on a full disk, and then holds the block", async () => {
    const device = fork();
    const { batch } = device.store;
    let failures = 0;
    Object.assign(device.store, {
      batch: async (operations: Parameters<typeof batch>[0]) => {
        if (operations.some(({ key }) => key.startsWith("score/")) && failures++ < 5) {
          throw new AppError("DISK_FULL", "no space left (by the test)");
        }
        return batch(operations);
      },
    });
    await live(device, 2);
    expect(failures).toBe(6);
    await expectOneReportInEachSlot(device, "on a full disk");
  });

  test("that waits for the server keeps its noisy values through restarts, and leaves them as they were made", async () => {
    const device = fork();
    device.fleet.online = false;
    device.begin();
    await device.pass(120_000);
    const draft = [...device.store.contents].find(([key]) => key.startsWith("draft/"))!;
    const kept = JSON.parse(new TextDecoder().decode(draft[1]));
    await device.off(1_000);
    device.fleet.online = true;
    await device.clock.until(() => received(device).length > 0, slotMs);
    expect(received(device)[0]).toMatchObject(kept);
    await device.stop();
  });
});

describe("the true counts of a block", () => {
  /** Everything that can be read without the key: records, logs and all that left. */
  function inTheClear(device: BoundedDevice): string[] {
    const sealed = /^(score|utterance|features|head|journal-checked)/;
    const records = [...device.store.contents].map(([key, bytes]) =>
      sealed.test(key) ? key : `${key} ${new TextDecoder().decode(bytes)}`,
    );
    return [...records.sort(), ...device.logged, ...device.departures.map(({ atMs, text }) => `${atMs} ${text}`)];
  }

  /** A life in which one label, and so its score, depends on `isRight`. */
  async function life(isRight: boolean, seed: string): Promise<{ device: BoundedDevice; truth: unknown }> {
    const device = await createBoundedDevice(release, seed);
    const said = sayings(50, 0);
    for (const [i, saying] of said.entries()) {
      const { label } = await device.agent.predict({ text: saying.text });
      const wrong = label === "joy" ? "fear" : "joy";
      const chosen = i === 7 && !isRight ? wrong : label;
      await device.agent.label({ ...saying, label: chosen as "joy", split: "holdout" });
    }
    await device.stop();
    const scores = await openScores({ store: device.store, cipher: createTestCipher() });
    const truth = scores.takeBlock(1, 50).block;
    device.begin();
    await device.pass(slotMs);
    await device.stop();
    return { device, truth };
  }

  test("leave no trace in the clear: lives with other counts and equal noisy values are equal in every readable byte", async () => {
    let compared = 0;
    for (let seed = 0; seed < 30 && compared < 2; seed++) {
      const [right, wrong] = [await life(true, `${seed}`), await life(false, `${seed}`)];
      expect(right.truth).not.toEqual(wrong.truth);
      const noisy = [right, wrong].map(({ device }) => device.left("report.slot")[0]!.text);
      if (noisy[0] !== noisy[1]) continue;
      expect(inTheClear(wrong.device)).toEqual(inTheClear(right.device));
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});
