// The report slots over a whole agent: one report in each slot, always, of one length, at the drawn time.

import { type BoundedDevice, boundedRelease, createBoundedDevice } from "@attune/fakes/bounded-device";
import { sayings } from "@attune/fakes/tiny-release";
import { egressContract2 } from "@attune/shared/contracts/egress-2";
import { describe, expect, test } from "vitest";

const { slotMs } = egressContract2.person;
const yearMs = 365.25 * 86_400_000;
const release = boundedRelease();

async function say(device: BoundedDevice, count: number, prefix = ""): Promise<void> {
  for (const said of sayings(count, 1)) await device.agent.label({ ...said, id: prefix + said.id });
}

const slotsOf = (device: BoundedDevice) => device.left("report.slot").map(({ message }) => message.slot);
const countsOf = (device: BoundedDevice) =>
  device.left("report.slot").map(({ message }) => [message.rightPrior, message.rightAnswering]);
const lengthsOf = (device: BoundedDevice) => new Set(device.left("report.slot").map(({ text }) => text.length));
const errorsOf = (device: BoundedDevice) => device.logged.filter((line) => line.startsWith("error"));

describe("a device with slots", () => {
  test("sends one report in each slot at the time that it shows beforehand, also without a label", async () => {
    const device = await createBoundedDevice(release);
    const beganMs = device.clock.monotonicMs();
    for (let slot = 1; slot <= 4; slot++) {
      const { person } = await device.agent.status();
      expect(person.slot).toMatchObject({ number: slot, bits: 0 });
      const dueMs = device.clock.monotonicMs() + person.slot!.reportDueInMs!;
      await device.pass(person.slot!.endsInMs + 1);
      expect(device.left("report.slot").map(({ atMs }) => Math.round(atMs - dueMs))).toContain(0);
      expect(slotsOf(device)).toEqual(Array.from({ length: slot }, (_, i) => i + 1));
    }
    expect(device.clock.monotonicMs() - beganMs).toBeGreaterThan(3.9 * slotMs);
    expect(countsOf(device)).toEqual(Array(4).fill([null, null]));
    expect([...lengthsOf(device)]).toEqual([384]);
    expect(errorsOf(device)).toEqual([]);
    await device.stop();
  });

  test("sends counts of the same length once fifty labels are scored, and no block twice", async () => {
    const device = await createBoundedDevice(release);
    for (const [slot, labels] of [49, 1, 0, 130, 0].entries()) {
      await say(device, labels, `${slot}-`);
      await device.pass((await device.agent.status()).person.slot!.endsInMs + 1);
    }
    const isFull = countsOf(device).map(([prior, answering]) => prior !== null && answering !== null);
    expect(isFull).toEqual([false, true, false, true, false]);
    expect([...lengthsOf(device)]).toEqual([384]);
    await device.stop();
  });

  test("that was off for three slots reports the slot that it wakes in, and none of the slots before", async () => {
    const device = await createBoundedDevice(release);
    await device.pass((await device.agent.status()).person.slot!.endsInMs + 1);
    await device.pass((await device.agent.status()).person.slot!.reportDueInMs! + 1);
    const before = device.left("report.slot").length;
    await device.off(3 * slotMs);
    const { endsInMs } = (await device.agent.status()).person.slot!;
    await device.clock.until(async () => (await device.agent.status()).connected.server);
    await device.pass((await device.agent.status()).person.slot!.endsInMs + 1);
    expect(endsInMs).toBeLessThan(slotMs);
    expect(device.left("report.slot").length).toBe(before + 1);
    expect(slotsOf(device)).toEqual([1, 2, 3]);
    await device.stop();
  });

  test.each([10, -10])("keeps to its slots when its clock is set by %i years", async (years) => {
    const device = await createBoundedDevice(release);
    await say(device, 60);
    const { endsInMs } = (await device.agent.status()).person.slot!;
    device.clock.setWall(device.clock.nowMs() + years * yearMs);
    await device.pass(endsInMs + 1);
    expect(slotsOf(device)).toEqual([1]);
    await device.pass(slotMs);
    expect(slotsOf(device)).toEqual([1, 2]);
    device.clock.setWall(device.clock.nowMs() - years * yearMs);
    await device.off(0);
    for (let slot = 0; slot < 3; slot++) await device.pass(slotMs);
    expect(slotsOf(device).slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(device.left("report.slot").length).toBeLessThanOrEqual(6);
    expect([...lengthsOf(device)]).toEqual([384]);
    await device.stop();
  });

  test("speaks contract 1 again with a release for that, and resumes its slots with the next for contract 2", async () => {
    const device = await createBoundedDevice(boundedRelease({}, 1));
    const runs = async (sequence: number) => (await device.agent.status()).release?.sequence === sequence;
    const take = async (sequence: number, contract: number) => {
      device.fleet.publish(boundedRelease({ sequence, seed: sequence }, contract));
      await device.clock.until(() => runs(sequence), 20 * slotMs);
    };
    await say(device, 60);
    await device.pass(slotMs);
    expect(device.left("report.slot")).toEqual([]);
    expect(device.left("report.metrics").length).toBeGreaterThan(0);
    await take(2, 2);
    const metrics = device.left("report.metrics").length;
    expect((await device.agent.status()).person.slot).toMatchObject({ number: 1 });
    await device.pass(slotMs + 1);
    expect(slotsOf(device)).toEqual([1]);
    expect(device.left("report.device").map(({ message }) => message.releaseSequence)).toEqual([2]);
    expect(device.left("report.metrics").length).toBe(metrics);
    await take(3, 1);
    expect((await device.agent.status()).contract.spoken).toBe(1);
    const slots = slotsOf(device).length;
    await device.pass(3 * slotMs);
    expect(slotsOf(device).length).toBe(slots);
    await take(4, 2);
    await device.pass(2 * slotMs + 1);
    expect(slotsOf(device).length).toBeGreaterThanOrEqual(slots + 2);
    expect(slotsOf(device)).toEqual(slotsOf(device).map((_, i) => i + 1));
    expect(errorsOf(device)).toEqual([]);
    await device.stop();
  });
});
