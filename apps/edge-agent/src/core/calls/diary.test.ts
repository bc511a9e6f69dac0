import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { beforeEach, describe, expect, test } from "vitest";

let device: Device;
beforeEach(async () => {
  device = createDevice();
  await device.enrol();
});

const said = (day: string, hour = 12, offset = "+01:00") => `${day}T${String(hour).padStart(2, "0")}:00:00${offset}`;

async function idsOf(input?: Parameters<Device["agent"]["entries"]>[0]): Promise<string[]> {
  return (await device.agent.entries(input)).entries.map(({ id }) => id);
}

describe("the diary", () => {
  test("keeps texts without a label, and nothing counts as learnable", async () => {
    await device.agent.keep({ id: "a", text: "the first day", said: said("2026-03-01") });
    expect(await device.agent.entries()).toEqual({
      entries: [{ id: "a", text: "the first day", label: null, said: said("2026-03-01") }],
      more: false,
    });
    expect((await device.agent.status()).utterances).toEqual({ train: 0, holdout: 0 });
  });

  test("shows the latest moment first, whatever the offset, and entries without a time last", async () => {
    await device.agent.label({ id: "untimed", text: "from before", label: "joy" });
    await device.agent.keep({ id: "tokyo", text: "landed", said: said("2026-03-02", 1, "+09:00") });
    await device.agent.keep({ id: "berlin", text: "took off", said: said("2026-03-01", 13) });
    await device.agent.keep({ id: "later", text: "slept", said: said("2026-03-01", 20) });
    expect(await idsOf()).toEqual(["later", "tokyo", "berlin", "untimed"]);
  });

  test("is read in pages", async () => {
    for (let i = 0; i < 7; i++)
      await device.agent.keep({ id: `e${i}`, text: `entry ${i}`, said: said("2026-03-01", i) });
    const first = await device.agent.entries({ limit: 3 });
    expect(first).toMatchObject({ more: true });
    expect(first.entries.map(({ id }) => id)).toEqual(["e6", "e5", "e4"]);
    expect(await idsOf({ after: "e4", limit: 3 })).toEqual(["e3", "e2", "e1"]);
    expect(await device.agent.entries({ after: "e1", limit: 1 })).toMatchObject({ more: false });
    await expect(device.agent.entries({ after: "gone" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("finds entries by their words, their label and their day", async () => {
    await device.agent.label({ id: "a", text: "A LOVELY morning", label: "joy", said: said("2026-03-01") });
    await device.agent.label({ id: "b", text: "a lovely evening, gone", label: "sadness", said: said("2026-03-02") });
    await device.agent.keep({ id: "c", text: "rain", said: said("2026-03-03") });
    expect(await idsOf({ search: "lovely" })).toEqual(["b", "a"]);
    expect(await idsOf({ label: "joy" })).toEqual(["a"]);
    expect(await idsOf({ label: null })).toEqual(["c"]);
    expect(await idsOf({ from: "2026-03-02", to: "2026-03-02" })).toEqual(["b"]);
    expect(await idsOf({ search: "lovely", from: "2026-03-02" })).toEqual(["b"]);
  });

  test("counts the entries of the person's own days by label", async () => {
    await device.agent.label({ id: "a", text: "one", label: "joy", said: said("2026-03-02", 0, "+09:00") });
    await device.agent.label({ id: "b", text: "two", label: "joy", said: said("2026-03-02", 23, "-05:00") });
    await device.agent.keep({ id: "c", text: "three", said: said("2026-03-01") });
    await device.agent.keep({ id: "d", text: "without a time" });
    expect(await device.agent.calendar()).toEqual({
      days: [
        { day: "2026-03-01", entries: 1, labels: {} },
        { day: "2026-03-02", entries: 2, labels: { joy: 2 } },
      ],
    });
  });

  test("keeps an entry's time when it is labelled, and survives a restart", async () => {
    await device.agent.keep({ id: "a", text: "a lovely morning", said: said("2026-03-01") });
    await device.agent.label({ id: "a", text: "a lovely morning", label: "joy" });
    device.restart();
    expect((await device.agent.entries()).entries).toEqual([
      { id: "a", text: "a lovely morning", label: "joy", said: said("2026-03-01") },
    ]);
  });

  test("loses a forgotten entry, with a label or without", async () => {
    await device.agent.keep({ id: "a", text: "one" });
    await device.agent.label({ id: "b", text: "two", label: "joy" });
    expect(await device.agent.forget("a")).toMatchObject({ removed: true });
    expect(await device.agent.forget("b")).toMatchObject({ removed: true });
    device.restart();
    expect(await idsOf()).toEqual([]);
  });

  test("refuses a text for an entry that has a label, and a time that is none", async () => {
    await device.agent.label({ id: "a", text: "one", label: "joy" });
    await expect(device.agent.keep({ id: "a", text: "two" })).rejects.toMatchObject({ code: "CONFLICT" });
    for (const wrong of ["yesterday", "2026-03-01T12:00:00", "2026-13-01T12:00:00Z"]) {
      await expect(device.agent.keep({ id: "b", text: "two", said: wrong })).rejects.toMatchObject({
        code: "INVALID_INPUT",
      });
    }
    expect(await idsOf()).toEqual(["a"]);
  });
});

test("an entry is learnable only after its first label", async () => {
  const stop = device.start();
  device.fleet.publish(createTinyRelease());
  await device.clock.until(async () => (await device.agent.status()).release?.sequence === 1, 100 * 3_600_000);
  await device.agent.keep({ id: "a", text: "so happy" });
  expect((await device.agent.status()).utterances).toEqual({ train: 0, holdout: 0 });
  const { utterances } = await device.agent.label({ id: "a", text: "so happy", label: "joy", split: "train" });
  expect(utterances).toEqual({ train: 1, holdout: 0 });
  await stop();
});
