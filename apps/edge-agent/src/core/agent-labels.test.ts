// A release with labels of its own over a whole agent: downloaded, predicted, corrected and learned, and none
// of its words leaves.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, createTinyRelease2, sayings } from "@attune/fakes/tiny-release";
import { labelSetOf, slugsOf } from "@attune/shared/contracts/label-set";
import { release1Labels } from "@attune/shared/contracts/release";
import { beforeEach, describe, expect, test } from "vitest";

const labels = labelSetOf(["calm", "tense", "tired"], { calm: "At ease", tense: "On edge", tired: "Worn out" });
const slugs = slugsOf(labels);
/**
 * The label that means what the labelled dataset calls by the emotion's name; undefined for the emotions
 * that have none here.
 */
const slugOf = (emotion: (typeof release1Labels)[number]) => slugs[release1Labels.indexOf(emotion)];

let device: Device;
let stop: () => Promise<void>;
beforeEach(async () => {
  device = createDevice();
  await device.enrol();
  stop = device.start();
});

const releaseNow = async () => (await device.agent.status()).release?.sequence;
const takes = (sequence: number) => device.clock.until(async () => (await releaseNow()) === sequence, 100 * 3_600_000);

/** Corrects the label of each of the person's sentences that has one, and returns their number. */
async function correct(count: number): Promise<number> {
  let corrected = 0;
  for (const { id, text, label } of sayings(count, 1)) {
    const slug = slugOf(label);
    if (slug === undefined) continue;
    await device.agent.label({ id, text, label: slug });
    corrected++;
  }
  return corrected;
}

describe("a release with labels of its own", () => {
  test("is taken, predicts its labels, and learns from corrections in them", async () => {
    device.fleet.publish(createTinyRelease2({ labels }));
    await takes(1);
    expect((await device.agent.status()).release?.labels).toEqual(labels);
    const { label, probabilities } = await device.agent.predict({ text: "so happy" });
    expect(label).toBe("tense");
    expect(Object.keys(probabilities)).toEqual(slugs);

    await correct(200);
    const learned = await device.agent.learn();
    expect(learned).toMatchObject({ head: "personal" });
    expect(learned.f1Personal!).toBeGreaterThan(learned.f1Prior!);
    const before = await device.agent.predict({ text: "the blimey is" });
    expect(slugs).toContain(before.label);
    await stop();
    device.restart();
    expect((await device.agent.predict({ text: "the blimey is" })).probabilities).toEqual(before.probabilities);
  });

  test("refuses a label of another set, and lists its own", async () => {
    device.fleet.publish(createTinyRelease2({ labels }));
    await takes(1);
    await expect(device.agent.label({ id: "a", text: "hm", label: "joy" })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: "label must be one of calm, tense, tired",
    });
    await stop();
  });

  test("takes any slug before the first release, and leaves out of training what the release does not know", async () => {
    await device.agent.label({ id: "a", text: "so happy", label: "elated" });
    await expect(device.agent.label({ id: "b", text: "so happy", label: "Not a slug" })).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
    device.fleet.publish(createTinyRelease2({ labels }));
    await takes(1);
    const known = await correct(60);
    expect(await device.agent.learn()).toMatchObject({ head: expect.any(String) });
    const { train, holdout } = (await device.agent.status()).utterances;
    expect(train + holdout).toBe(known + 1);
    await stop();
  });

  test("follows a release with the seven and precedes it, and keeps the utterances of both", async () => {
    device.fleet.publish(createTinyRelease({ sequence: 1 }));
    await takes(1);
    for (const said of sayings(30, 1)) await device.agent.label({ ...said, id: `seven-${said.id}` });
    device.fleet.publish(createTinyRelease2({ sequence: 2, labels }));
    await takes(2);
    const own = await correct(30);
    device.fleet.publish(createTinyRelease({ sequence: 3, seed: 3 }));
    await takes(3);
    expect(Object.keys((await device.agent.predict({ text: "so happy" })).probabilities)).toEqual([...release1Labels]);
    const { train, holdout } = (await device.agent.status()).utterances;
    expect(train + holdout).toBe(30 + own);
    await stop();
  });

  test("is taken although the person has labels of the set before, which wait; a release that knows them takes them up", async () => {
    device.fleet.publish(createTinyRelease({ sequence: 1 }));
    await takes(1);
    for (const said of sayings(120, 1)) await device.agent.label(said);
    const text = sayings(1, 1)[0]!.text;
    const inSeven = await device.agent.predict({ text });
    device.fleet.publish(createTinyRelease2({ sequence: 2, labels: [...labels, { slug: "joy", words: "Joy" }] }));
    await takes(2);
    const { waiting, utterances } = await device.agent.status();
    expect(waiting.map(({ label }) => label)).toEqual(release1Labels.filter((label) => label !== "joy").toSorted());
    const count = waiting.reduce((sum, { utterances }) => sum + utterances, 0);
    const joys = sayings(120, 1).filter(({ label }) => label === "joy").length;
    expect({ count, stored: utterances.train + utterances.holdout }).toEqual({ count: 120 - joys, stored: 120 });
    expect((await device.agent.status()).mixture?.labels).toBe(joys);
    expect((await device.agent.entries({ label: "anger" })).entries.length).toBeGreaterThan(0);

    device.fleet.publish(createTinyRelease({ sequence: 3 }));
    await takes(3);
    expect((await device.agent.status()).waiting).toEqual([]);
    const again = await device.agent.predict({ text });
    expect(again.label).toBe(inSeven.label);
    await stop();
  });

  test("gives way to the pair before it when its files are damaged, and what waits then are its own labels", async () => {
    device.fleet.publish(createTinyRelease({ sequence: 1 }));
    await takes(1);
    for (const said of sayings(40, 1)) await device.agent.label(said);
    await device.agent.learn();
    const before = await device.agent.predict({ text: "the blimey is" });
    device.fleet.publish(createTinyRelease2({ sequence: 2, labels }));
    await takes(2);
    await device.agent.label({ id: "own", text: "so happy", label: "tense" });
    await stop();
    device.files.contents.get("slots/2/model.safetensors")![5_000]! ^= 1;
    device.restart();
    stop = device.start();
    await takes(1);
    expect((await device.agent.status()).waiting).toEqual([{ label: "tense", utterances: 1 }]);
    await device.agent.learn();
    const after = await device.agent.predict({ text: "the blimey is" });
    expect(after.head).toBe("personal");
    for (const [label, p] of Object.entries(before.probabilities)) expect(after.probabilities[label]).toBeCloseTo(p, 6);
    await stop();
  });

  test("sends none of its slugs and words, whatever is said and corrected", async () => {
    device.fleet.publish(createTinyRelease2({ labels }));
    await takes(1);
    await correct(140);
    await device.agent.learn({ report: true });
    await device.clock.until(async () => (await device.agent.status()).outbox.pending === 0);
    await stop();
    const left = device.fleet.wire.join("\n");
    expect(left).toContain("report");
    for (const { slug, words } of labels) {
      expect(left).not.toContain(slug);
      expect(left).not.toContain(words);
      expect(device.logged.join("\n")).not.toContain(slug);
    }
  });
});
