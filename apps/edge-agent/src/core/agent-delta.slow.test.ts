// A whole agent fetches the pieces that its slots lack, whatever the person said, and whatever
// became of earlier updates.

import { createDevice, type Device } from "@attune/fakes/device";
import { pieces } from "@attune/fakes/fake-fleet";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import { manifestPath } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";

const first = createTinyRelease();
const blind = (sequence: number) => createTinyRelease({ sequence, blind: true });
const second = createTinyRelease({ sequence: 2, seed: 2 });
/** The content of the second release under another number. */
const third = createTinyRelease({ sequence: 3, seed: 2 });

async function reach(device: Device, state: string, sequence: number): Promise<void> {
  const condition = async () => {
    const { updateState, release } = await device.agent.status();
    return updateState === state && (state !== "committed" || release?.sequence === sequence);
  };
  await device.clock.until(condition, 30 * 86_400_000);
}

async function createEnrolled(labels = 0): Promise<{ device: Device; stop: () => Promise<void> }> {
  const device = createDevice();
  device.fleet.publish(first);
  await device.enrol();
  const stop = device.start();
  await reach(device, "committed", 1);
  for (const [i, said] of sayings(labels, 0, 8).entries()) {
    await device.agent.label({ ...said, split: i % 2 === 0 ? "train" : "holdout" });
  }
  if (labels > 0) await device.agent.learn();
  return { device, stop };
}

const askedSince = ({ fleet }: Device, start: number) => fleet.requests.slice(start).map(({ path }) => path);
const slotsOf = ({ files }: Device) =>
  [...new Set([...files.contents.keys()].map((path) => path.split("/")[1]))].sort();

/** The server knows no chunk whose hash ends so, until the device asks for the third release. */
function loseUntilThird(device: Device, ending: string): void {
  device.fleet.spoil = (path) => {
    const isFound = path.includes("/manifests/") || askedSince(device, 0).includes(manifestPath(third.manifestSha256));
    return isFound || !path.endsWith(ending) ? undefined : { status: 404, totalBytes: undefined, body: pieces([]) };
  };
}

describe("an update of a device", () => {
  test("asks for the same, whether the person's texts refused the release before or none were there", async () => {
    const asked: string[][] = [];
    for (const [labels, outcome] of [
      [120, "rejected"],
      [0, "committed"],
    ] as const) {
      const { device, stop } = await createEnrolled(labels);
      device.fleet.publish(blind(2));
      await reach(device, outcome, 2);
      const start = device.fleet.requests.length;
      const entered = device.entered("verifying");
      device.fleet.publish(blind(3));
      await entered;
      const fresh = device.entered("verifying");
      device.fleet.publish(createTinyRelease({ sequence: 4, seed: 4 }));
      await fresh;
      asked.push(askedSince(device, start));
      await stop();
    }
    expect(asked[0]).toEqual(asked[1]);
    expect(asked[0]!.slice(0, 2)).toEqual([
      manifestPath(blind(3).manifestSha256),
      expect.stringContaining("/v1/manifests/"),
    ]);
    expect(asked[0]!.length).toBeGreaterThan(2);
  });

  test("journals what was fetched and nothing that was copied", async () => {
    const { device, stop } = await createEnrolled();
    device.fleet.publish(second);
    await reach(device, "committed", 2);
    device.fleet.publish(third);
    await reach(device, "committed", 3);
    await stop();
    const journal = await device.agent.journal({ limit: 1_000 });
    const downloads = journal.filter(({ path }) => path === "https").length;
    expect(downloads).toBe(device.fleet.requests.length);
    expect(askedSince(device, 0).at(-1)).toBe(manifestPath(third.manifestSha256));
  });

  test("takes over what a replaced download had fetched, and leaves nothing of it behind", async () => {
    const { device, stop } = await createEnrolled();
    const start = device.fleet.requests.length;
    const lost = second.release.files.find(({ name }) => name === "model.safetensors")!.chunks.at(-1)!.sha256;
    loseUntilThird(device, lost);
    device.fleet.publish(second);
    await device.clock.until(() => askedSince(device, start).some((path) => path.endsWith(lost)));
    device.fleet.publish(third);
    await reach(device, "committed", 3);
    const asked = askedSince(device, start).filter((path) => path.includes("/chunks/") && !path.endsWith(lost));
    expect(new Set(asked).size).toBe(asked.length);
    await stop();
    expect(slotsOf(device)).toEqual(["1", "3"]);
  });

  test("gives up the leftovers of a replaced download where the disk is too full", async () => {
    const { device, stop } = await createEnrolled();
    loseUntilThird(device, "");
    device.fleet.publish(second);
    await reach(device, "downloading", 2);
    await device.clock.until(() => slotsOf(device).includes("2"));
    device.files.room = 0;
    device.fleet.publish(third);
    await reach(device, "failed", 3);
    await device.clock.until(() => !slotsOf(device).includes("2"));
    device.files.room = undefined;
    await reach(device, "committed", 3);
    await stop();
  });
});
