// Twin devices on the virtual clock, with the same keys and random bytes: equal bytes leave at equal instants,
// whatever was said.

import { type BoundedDevice, boundedRelease, createBoundedDevice } from "@attune/fakes/bounded-device";
import { emotionWords, privateWords, sayings } from "@attune/fakes/tiny-release";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { egressContract2 } from "@attune/shared/contracts/egress-2";
import { describe, expect, test } from "vitest";

const { slotMs, verdictDelayMs } = egressContract2.person;
const first = boundedRelease();
const second = boundedRelease({ sequence: 2, seed: 2 });
const hourMs = 3_600_000;

type Label = ReturnType<typeof sayings>[number]["label"];

interface Said {
  readonly id: string;
  readonly text: string;
  readonly label: Label;
}

/** Five weeks: labels, corrections, forgetting, an update, and a week off. */
async function live(device: BoundedDevice, said: readonly Said[]): Promise<BoundedDevice> {
  for (const [i, saying] of said.slice(0, 100).entries()) {
    await device.agent.predict({ text: saying.text });
    await device.agent.label({ ...saying, split: i % 4 === 0 ? "train" : "holdout" });
  }
  await device.agent.learn({ report: true });
  await device.pass(slotMs);
  device.fleet.publish(second);
  await device.pass(verdictDelayMs / 2);
  await device.agent.forget(said[1]!.id);
  await device.agent.label({ ...said[2]!, text: said[3]!.text, split: "holdout" });
  for (const saying of said.slice(100)) {
    await device.pass(hourMs);
    await device.agent.label({ ...saying, split: "train" });
  }
  await device.pass(slotMs);
  await device.off(slotMs);
  await device.pass(2 * slotMs);
  await device.stop();
  return device;
}

describe("twins that differ in their texts alone", () => {
  const here = sayings(160, 1);
  const words = [...Object.values(emotionWords).flat(), ...privateWords];
  /** Other words and other lengths; the last three words make each text the only text of its kind. */
  const there = here.map((saying, i) => ({
    ...saying,
    text: [
      ...Array(1 + (i % 7)).fill(words[i % words.length]),
      ...[i % 25, (i * 7) % 25, Math.floor(i / 25)].map((w) => words[w]),
    ].join(" "),
  }));

  async function restarted(prepare = (_device: BoundedDevice) => {}): Promise<BoundedDevice> {
    const device = await createBoundedDevice(first);
    prepare(device);
    await device.off(0);
    return device;
  }

  /** From the next process on a text of `there` has the features of the text of `here` under the same id. */
  function lendFeatures(device: BoundedDevice): void {
    const tokenizer = createTokenizer(new TextDecoder().decode(first.files.get("tokenizer.json")));
    const idsOf = (text: string) => Int32Array.from(tokenizer.encode(text).ids);
    const lent = new Map(there.map(({ text }, i) => [idsOf(text).join(), idsOf(here[i]!.text)] as const));
    expect(lent.size).toBe(there.length);
    const { engine } = device.ports;
    Object.assign(device.ports, {
      engine: {
        ...engine,
        createEncoder: (...parts: Parameters<typeof engine.createEncoder>) => {
          const encoder = engine.createEncoder(...parts);
          return { ...encoder, forward: (ids: Int32Array) => encoder.forward(lent.get(ids.join()) ?? ids) };
        },
      },
    });
  }

  test("send equal bytes at equal instants for five weeks", async () => {
    const quiet = await live(await restarted(), here);
    const loud = await live(await restarted(lendFeatures), there);
    expect(loud.departures).toEqual(quiet.departures);
    expect(loud.left("report.slot").length).toBeGreaterThanOrEqual(4);
    expect(loud.left("report.slot")[0]!.message.rightPrior).not.toBeNull();
    expect(loud.left("report.verdict").length).toBe(1);
  });

  test("and whose features follow their texts send other bytes, so that the comparison can fail", async () => {
    const quiet = await live(await restarted(), here);
    const loud = await live(await restarted(), there);
    expect(loud.departures).not.toEqual(quiet.departures);
  });
});

describe("twins that differ in their labels", () => {
  test("send the same at the same instants, but for the words about the person", async () => {
    const texts = sayings(160, 1);
    const next = await createBoundedDevice(second);
    const favoured: Said[] = [];
    for (const saying of texts) {
      const { label } = await next.agent.predict({ text: saying.text });
      favoured.push({ ...saying, label: label as Label });
    }
    await next.stop();
    // Both releases learn one label alike.
    const oneLabel = texts.map((saying): Said => ({ ...saying, label: "joy" }));
    const one = await live(await createBoundedDevice(first), oneLabel);
    const other = await live(await createBoundedDevice(first), favoured);
    const plain = ({ departures }: BoundedDevice) =>
      departures.map(({ atMs, path, text }) => {
        const isAboutPerson = /"type":"report\.(slot|verdict)"/.test(text);
        const masked = text.replace(/"(rightPrior|rightAnswering|verdict)":("\w+"|-?\d+)/g, '"$1":?').trimEnd();
        return [atMs, path, text.length, isAboutPerson ? masked : text];
      });
    expect(plain(other)).toEqual(plain(one));
    const verdictOf = (device: BoundedDevice) => device.left("report.verdict")[0]!.message.verdict;
    expect([verdictOf(one), verdictOf(other)]).toEqual(["same", "better"]);
    const slotsOf = (device: BoundedDevice) => device.left("report.slot").map(({ text }) => text);
    expect(slotsOf(other)).not.toEqual(slotsOf(one));
  });
});
