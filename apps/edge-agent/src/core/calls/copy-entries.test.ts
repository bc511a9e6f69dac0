import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import type { DiaryCopy } from "@attune/shared/contracts/local-api";
import { beforeEach, describe, expect, test } from "vitest";

let device: Device;
beforeEach(async () => {
  device = createDevice();
  await device.enrol();
});

async function copiesOf({ agent }: Device, limit = 200): Promise<DiaryCopy[]> {
  const all: DiaryCopy[] = [];
  for (let more = true; more; ) {
    const last = all.at(-1);
    const page = await agent.exportEntries({ limit, ...(last && { after: last.id }) });
    all.push(...page.entries);
    more = page.more;
  }
  return all;
}

async function takeIn({ agent }: Device, copies: readonly DiaryCopy[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const copy of copies) outcomes.push((await agent.importEntry(copy)).outcome);
  return outcomes;
}

async function withRelease(one: Device): Promise<void> {
  const stop = one.start();
  one.fleet.publish(createTinyRelease());
  await one.clock.until(async () => (await one.agent.status()).release?.sequence === 1, 100 * 3_600_000);
  await stop();
}

describe("a diary's copy", () => {
  test("holds every entry, page by page", async () => {
    await device.agent.keep({ id: "b", text: "no label", said: "2026-03-01T12:00:00+01:00" });
    await device.agent.label({ id: "a", text: "a label", label: "joy", split: "train" });
    const copies = await copiesOf(device, 1);
    expect(copies).toEqual([
      { id: "a", text: "a label", label: "joy", split: "train", said: null, forgotten: 0 },
      {
        id: "b",
        text: "no label",
        label: null,
        split: expect.any(String),
        said: "2026-03-01T12:00:00+01:00",
        forgotten: 0,
      },
    ]);
  });

  // The fakes of both devices draw the order of a refit by the same key.
  test("makes another device answer as the first one does, once both have learned", async () => {
    await withRelease(device);
    for (const { id, text, label } of sayings(60, 1)) await device.agent.label({ id, text, label });
    const other = createDevice();
    await other.enrol();
    await withRelease(other);
    expect(new Set(await takeIn(other, await copiesOf(device)))).toEqual(new Set(["added"]));
    expect(await copiesOf(other)).toEqual(await copiesOf(device));
    await device.agent.learn();
    await other.agent.learn();
    const asked = { text: "the blimey is" };
    const { probabilities } = await other.agent.predict(asked);
    for (const [label, expected] of Object.entries((await device.agent.predict(asked)).probabilities)) {
      expect(probabilities[label]).toBeCloseTo(expected, 6);
    }
  });

  test("leaves the entries that are here as they are, so that an import may be done again", async () => {
    await device.agent.label({ id: "a", text: "one", label: "joy" });
    const copies = await copiesOf(device);
    await device.agent.label({ id: "a", text: "one", label: "anger" });
    expect(await takeIn(device, copies)).toEqual(["present"]);
    expect((await copiesOf(device))[0]?.label).toBe("anger");
  });

  test("brings back nothing that was forgotten since, on the device and on a device that took it in", async () => {
    await device.agent.label({ id: "a", text: "one", label: "joy" });
    const before = await copiesOf(device);
    await device.agent.forget("a");
    expect(await takeIn(device, before)).toEqual(["forgotten"]);
    await device.agent.label({ id: "a", text: "said anew", label: "joy" });
    const anew = await copiesOf(device);
    expect(anew[0]?.forgotten).toBe(1);

    const other = createDevice();
    await other.enrol();
    expect(await takeIn(other, anew)).toEqual(["added"]);
    await other.agent.forget("a");
    expect(await takeIn(other, [...anew, ...before])).toEqual(["forgotten", "forgotten"]);
    other.restart();
    expect(await takeIn(other, anew)).toEqual(["forgotten"]);
  });

  test("is refused field by field, and nothing of a refused entry is stored", async () => {
    const copy = { id: "a", text: "one", label: "joy", split: "train", said: null, forgotten: 0 } as const;
    for (const fault of [{ label: "No Slug" }, { text: " " }, { said: "noon" }, { forgotten: -1 }, { more: 1 }]) {
      await expect(device.agent.importEntry({ ...copy, ...fault } as DiaryCopy)).rejects.toMatchObject({
        code: "INVALID_INPUT",
      });
    }
    expect(await copiesOf(device)).toEqual([]);
  });
});
