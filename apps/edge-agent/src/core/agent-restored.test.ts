// A device whose store is put back to an earlier copy: its numbers are taken, and its later reports must still count.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import type { Message } from "@attune/shared/contracts/egress";
import { describe, expect, test } from "vitest";
import { verifyJournal } from "./egress/journal.js";
import { recordName } from "./learning/record-names.js";

type Copy = ReadonlyMap<string, Uint8Array>;
const copyOf = (device: Device): Copy => new Map(device.store.contents);
function restore(device: Device, copy: Copy): void {
  device.store.contents.clear();
  for (const [key, value] of copy) device.store.contents.set(key, value);
  device.restart();
}

const outboxIsEmpty = (device: Device) => async () => (await device.agent.status()).outbox.pending === 0;
const isConnected = (device: Device) => async () => (await device.agent.status()).connected.server;
const reports = (device: Device) =>
  [...device.fleet.received.values()].map((body) => JSON.parse(body) as Message<"report.metrics">);
const numbersOf = (device: Device, epoch: string) =>
  reports(device)
    .filter((report) => report.epoch === epoch)
    .map((report) => report.sequence)
    .sort((a, b) => a - b);

/** A device that is enrolled, on its first release, has made three reports, and is stopped. */
async function liveALittle(): Promise<Device> {
  const device = createDevice();
  device.fleet.publish(createTinyRelease());
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  for (const said of sayings(20, 1)) await device.agent.label(said);
  await device.agent.report();
  await device.agent.report();
  await device.clock.until(outboxIsEmpty(device));
  await stop();
  device.restart();
  return device;
}

/** Makes reports after the copy was made, of which the copy does not know. */
async function liveOn(device: Device, count: number): Promise<void> {
  const stop = device.start();
  for (const said of sayings(30, 2)) await device.agent.label({ ...said, id: `later-${said.id}` });
  for (let i = 0; i < count; i++) await device.agent.report();
  await device.clock.until(outboxIsEmpty(device));
  await stop();
}

describe("a device whose store was put back to an earlier copy", () => {
  test("begins a new epoch, and loses no report to those that its numbers already name", async () => {
    const device = await liveALittle();
    const copy = copyOf(device);
    const { epoch: before } = await device.agent.status();
    await liveOn(device, 3);
    const sent = new Map(device.fleet.received);

    restore(device, copy);
    // This report is made before the server has answered, so whether its number is free is not known yet.
    await device.agent.report();
    const stop = device.start();
    await device.clock.until(async () => (await device.agent.status()).epochs === 2);
    await device.agent.report();
    await device.clock.until(outboxIsEmpty(device));

    const status = await device.agent.status();
    expect(status).toMatchObject({ epochs: 2, connected: { server: true, nats: true } });
    expect(status.epoch).not.toBe(before);
    for (const [id, body] of sent) expect(device.fleet.received.get(id)).toBe(body);
    expect(numbersOf(device, status.epoch!)).toEqual([1, 2]);
    expect(device.fleet.polls.at(-1)?.message).toMatchObject({ epoch: status.epoch });
    expect(device.logged.join("\n")).not.toContain("another body");
    await stop();
    await expectWholeJournal(device);
    device.restart();
    expect(await device.agent.status()).toMatchObject({ epoch: status.epoch, epochs: 2 });
  });

  test("notices it by the reports alone, where its polls had not come as far as they have come again", async () => {
    const device = await liveALittle();
    const copy = copyOf(device);
    device.fleet.online = true;
    const stop = device.start();
    await device.clock.until(isConnected(device));
    device.fleet.online = false;
    await device.agent.report();
    await device.clock.until(outboxIsEmpty(device));
    await stop();

    restore(device, copy);
    const again = device.start();
    // Polls without an answer bring the counter past the number that the server has seen.
    await device.clock.sleep(3_600_000, new AbortController().signal);
    device.fleet.online = true;
    await device.clock.until(isConnected(device));
    expect((await device.agent.status()).epochs).toBe(2);
    await again();
  });

  test("still hands in, under their old numbers, the reports that waited when the copy was made", async () => {
    const device = await liveALittle();
    const stop = device.start();
    await device.clock.until(isConnected(device));
    device.fleet.brokerUp = false;
    await device.agent.report();
    await stop();
    device.restart();
    const copy = copyOf(device);
    const { epoch: before } = await device.agent.status();
    const known = numbersOf(device, before!).length;
    device.fleet.brokerUp = true;
    await liveOn(device, 1);

    restore(device, copy);
    const again = device.start();
    await device.clock.until(async () => (await device.agent.status()).epochs === 2);
    await device.agent.report();
    await device.clock.until(outboxIsEmpty(device));
    expect(numbersOf(device, before!).length).toBe(known + 2);
    expect(numbersOf(device, (await device.agent.status()).epoch!)).toEqual([1]);
    await again();
  });

  test("is no device that merely starts again: its epoch stays, and what it reports while offline keeps its order", async () => {
    const device = await liveALittle();
    const { epoch } = await device.agent.status();
    device.fleet.online = false;
    for (let i = 0; i < 3; i++) {
      await device.agent.report();
      device.restart();
    }
    expect(await device.agent.status()).toMatchObject({ outbox: { pending: 3 }, epochs: 1 });
    const before = numbersOf(device, epoch!);
    device.fleet.online = true;
    const stop = device.start();
    await device.clock.until(outboxIsEmpty(device));
    expect(numbersOf(device, epoch!)).toEqual([...before, ...[1, 2, 3].map((i) => before.length + i)]);
    expect((await device.agent.status()).epoch).toBe(epoch);
    await stop();
    await expectWholeJournal(device);
  });

  test("keeps forgotten what was forgotten after the copy was made, and nothing that was said anew", async () => {
    const device = createDevice();
    device.fleet.publish(createTinyRelease());
    await device.enrol();
    const stop = device.start();
    await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
    for (const said of sayings(60, 1)) await device.agent.label({ ...said, split: "train" });
    await device.agent.learn();
    await stop();
    device.restart();
    const copy = copyOf(device);

    await device.agent.forget("u0003");
    await device.agent.forget("u0004");
    await device.agent.label({ id: "u0004", text: "so happy today", label: "joy", split: "train" });
    await device.agent.learn();
    const spoken = await device.agent.predict({ text: "so happy today" });
    const [third, fourth] = await Promise.all(["u0003", "u0004"].map((id) => recordName(device.ports.hashing, id)));
    const anew = device.store.contents.get(`utterance/${fourth}`)!;

    restore(device, copy);
    expect((await device.agent.status()).utterances.train).toBe(58);
    for (const key of device.store.contents.keys()) {
      expect(key.endsWith(third!) || key.endsWith(fourth!)).toBe(false);
    }
    await device.agent.label({ id: "u0004", text: "so happy today", label: "joy", split: "train" });
    await device.agent.learn();
    expect((await device.agent.predict({ text: "so happy today" })).probabilities).toEqual(spoken.probabilities);

    device.store.contents.set(`utterance/${fourth}`, anew);
    device.restart();
    expect((await device.agent.status()).utterances.train).toBe(59);
  });

  test.each([
    [1, "before", 3],
    // The file ends with half of its line.
    [1, "after", 3],
    [2, "before", 3],
    [2, "after", 2],
    [3, "before", 2],
    [3, "after", 2],
  ] as const)(
    "finishes a forgetting that had begun when the process died: at step %i, %s it",
    async (step, when, left) => {
      const device = createDevice();
      for (const said of sayings(3, 1)) await device.agent.label({ ...said, split: "train" });
      device.faults.killAt(step, when);
      await expect(device.agent.forget("u0001")).rejects.toThrow();
      device.restart();
      expect((await device.agent.status()).utterances.train).toBe(left);
      await device.agent.forget("u0001");
      device.restart();
      expect((await device.agent.status()).utterances.train).toBe(2);
      expect(await device.agent.forget("u0001")).toEqual({ removed: false });
    },
  );

  test("polls with pauses that grow, should the server never be content", async () => {
    const device = await liveALittle();
    device.fleet.amendTarget = (target) => ({ ...target, beginEpoch: true });
    const polls = device.fleet.polls.length;
    const stop = device.start();
    await device.clock.sleep(3_600_000, new AbortController().signal);
    await stop();
    expect(device.fleet.polls.length - polls).toBeLessThan(40);
  });

  async function expectWholeJournal(device: Device): Promise<void> {
    const entries: JournalEntry[] = await device.agent.journal({ limit: 100_000 });
    const { journal } = JSON.parse(new TextDecoder().decode(device.store.contents.get("egress")));
    expect(await verifyJournal(entries, journal, device.ports.hashing)).toMatchObject({ ok: true });
  }
});
