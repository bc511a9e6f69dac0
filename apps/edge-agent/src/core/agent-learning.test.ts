// Learning over a whole agent: each label changes the next prediction, and a refit makes of the same labels the same
// mixture, whatever came before.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings, type TinyRelease } from "@attune/fakes/tiny-release";
import { createRandom } from "@attune/ml/tensor/random";
import type { LabelInput } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { beforeAll, describe, expect, test } from "vitest";

let release: TinyRelease;
beforeAll(() => {
  release = createTinyRelease();
});

async function readyDevice(options: Partial<Parameters<typeof createTinyRelease>[0]> = {}): Promise<Device> {
  const device = createDevice();
  device.fleet.publish(Object.keys(options).length === 0 ? release : createTinyRelease(options));
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  await stop();
  return device;
}

const texts = ["the bazinga is", "so happy !", "ugh", "i hate it"];
const answers = (device: Device) =>
  Promise.all(texts.map(async (text) => Object.values((await device.agent.predict({ text })).probabilities)));
const sets = (device: Device) =>
  Promise.all(texts.map(async (text) => (await device.agent.predict({ text })).predictionSet));
const mixtureOf = async (device: Device) => (await device.agent.status()).mixture!;
const chance = async (device: Device, text: string, label: string) =>
  (await device.agent.predict({ text })).probabilities[label]!;

function furthest(one: readonly number[][], other: readonly number[][]): number {
  return Math.max(...one.flatMap((row, i) => row.map((value, c) => Math.abs(value - other[i]![c]!))));
}

/** All that a refit decides: answers, weights, losses and scores. */
async function mind(device: Device) {
  const { mixture, head, f1Prior, f1Personal, utterances } = await device.agent.status();
  return { answers: await answers(device), sets: await sets(device), mixture, head, f1Prior, f1Personal, utterances };
}

describe("a label", () => {
  test("moves the next prediction, and towards it until it is nearly sure: ten corrections of nearly the same sentence", async () => {
    const device = await readyDevice();
    const sentences = ["very", "so", "how", "the", "a", "is", "am", "you", "i", "it"].map((word) => `${word} bazinga`);
    for (const [i, text] of sentences.entries()) {
      const before = await chance(device, text, "anger");
      await device.agent.label({ id: `n${i}`, text, label: "anger" });
      const after = await chance(device, text, "anger");
      expect(after).not.toBe(before);
      expect(after).toBeGreaterThan(Math.min(before, 0.9));
    }
    expect(await device.agent.predict({ text: "today bazinga" })).toMatchObject({ label: "anger", head: "personal" });
    expect((await mixtureOf(device)).labels).toBe(10);
  });

  test("is learned on either side of the split, and moves back when it is corrected or forgotten", async () => {
    for (const split of ["train", "holdout"] as const) {
      const device = await readyDevice();
      const [text, none] = ["so bazinga", await chance(await readyDevice(), "so bazinga", "joy")];
      await device.agent.label({ id: "a", text, label: "joy", split });
      const joy = await chance(device, text, "joy");
      expect(joy).toBeGreaterThan(none);
      await device.agent.label({ id: "a", text, label: "fear", split });
      expect(await chance(device, text, "joy")).toBeLessThan(joy);
      await device.agent.label({ id: "a", text: "so happy", label: "fear", split });
      await device.agent.forget("a");
      expect(await chance(device, text, "joy")).toBe(none);
    }
  });

  test("that came after the last refit is learned again at a restart", async () => {
    const device = await readyDevice();
    const all = sayings(50, 1);
    for (const said of all.slice(0, 40)) await device.agent.label(said);
    await device.agent.learn();
    for (const said of all.slice(40)) await device.agent.label(said);
    await device.agent.label({ ...all[0]!, label: "fear" });
    const before = await answers(device);
    device.restart();
    expect(furthest(await answers(device), before)).toBeLessThan(0.05);
    expect((await mixtureOf(device)).labels).toBe(50);
    await device.agent.learn();
    const straight = await readyDevice();
    for (const said of [...all.slice(1), { ...all[0]!, label: "fear" }]) await straight.agent.label(said);
    await straight.agent.learn();
    expect(await mind(device)).toEqual(await mind(straight));
  });
});

describe("a refit", () => {
  const all: LabelInput[] = sayings(60, 1);

  test("makes of the same labels the same mixture, whatever their order, corrections and restarts", async () => {
    const straight = await readyDevice();
    for (const said of all) await straight.agent.label(said);
    await straight.agent.learn();
    const expected = await mind(straight);
    for (const seed of [1, 2, 3]) {
      const device = await readyDevice();
      const random = createRandom(seed);
      const order = Int32Array.from(all, (_, i) => i);
      random.shuffle(order);
      for (const i of order) {
        const said = all[i]!;
        if (random.integer(4) === 0) await device.agent.label({ ...said, label: "disgust" });
        if (random.integer(6) === 0) await device.agent.label({ ...said, text: "crumbs" });
        await device.agent.label(said);
        if (random.integer(12) === 0) device.restart();
        if (random.integer(15) === 0) await device.agent.learn();
      }
      await device.agent.learn();
      expect(await mind(device)).toEqual(expected);
      device.restart();
      expect(furthest(await answers(device), expected.answers)).toBeLessThan(1e-6);
      expect(await mixtureOf(device)).toEqual(expected.mixture);
    }
  });

  test("comes by itself when nobody has spoken for a while, with 10, 20 and 40 rows", async () => {
    const device = await readyDevice();
    const stop = device.start();
    const refits: number[] = [];
    const { batch } = device.store;
    device.store.batch = (operations) => {
      if (operations.some(({ type, key }) => type === "put" && key.endsWith("/mixture"))) refits.push(rows);
      return batch(operations);
    };
    let rows = 0;
    for (const said of all.slice(0, 45)) {
      await device.agent.label(said);
      rows++;
      await device.clock.sleep(60_000, new AbortController().signal);
    }
    expect(refits).toEqual([10, 20, 40]);
    await stop();
  });

  test("is put off while labels come, which are learned all the same", async () => {
    const device = await readyDevice();
    const stop = device.start();
    for (const said of all.slice(0, 45)) {
      await device.agent.label(said);
      await device.clock.sleep(1_000, new AbortController().signal);
    }
    expect(await device.agent.status()).toMatchObject({ trainMs: null, mixture: { labels: 45 } });
    await device.clock.until(async () => (await device.agent.status()).trainMs !== null);
    await stop();
  });

  test("leaves no trace of a forgotten row: until then the prior answers, and a killed refit is made good", async () => {
    const [device, innocent] = [await readyDevice(), await readyDevice()];
    const prior = await answers(device);
    for (const said of all) await device.agent.label(said);
    await device.agent.learn();
    for (const said of all.toReversed()) if (said.id !== "u0007") await innocent.agent.label(said);
    await innocent.agent.learn();
    const { batch } = device.store;
    device.store.batch = async () => {
      throw new AppError("DISK_FULL", "no space (by the test)");
    };
    await expect(device.agent.forget("u0007")).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(await answers(device)).toEqual(prior);
    device.store.batch = batch;
    device.restart();
    await device.agent.label(all[0]!);
    expect(await mind(device)).toEqual(await mind(innocent));
    expect([...device.store.contents.keys()].filter((key) => key.startsWith("head/"))).toHaveLength(1);
  });

  test("takes the place of a head that an earlier agent had saved", async () => {
    const device = await readyDevice();
    for (const said of all) await device.agent.label(said);
    await device.agent.learn();
    const expected = await mind(device);
    const key = [...device.store.contents.keys()].find((name) => name.startsWith("head/"))!;
    device.store.contents.delete(key);
    const [scores, weights] = ["scores", "weights"].map((name) => key.replace("mixture", name));
    for (const earlier of [scores!, weights!]) device.store.contents.set(earlier, new Uint8Array([1]));
    device.restart();
    await device.agent.label(all[0]!);
    expect(await mind(device)).toEqual(expected);
    expect([...device.store.contents.keys()].filter((name) => name.startsWith("head/"))).toEqual([key]);
  });
});

describe("labels that nobody expects", () => {
  const areDistributions = (rows: readonly number[][]) =>
    rows.every((row) => row.every((p) => p > 0 && p < 1) && Math.abs(row.reduce((sum, p) => sum + p, 0) - 1) < 1e-5);

  test("of the same id by two programs at once are taken one after the other", async () => {
    const device = await readyDevice();
    const labels = ["joy", "fear", "joy", "anger"];
    await Promise.all(
      labels.map((label) => device.agent.label({ id: "same", text: "so bazinga", label, split: "train" })),
    );
    const twin = await readyDevice();
    await twin.agent.label({ id: "same", text: "so bazinga", label: "anger", split: "train" });
    for (const each of [device, twin]) await each.agent.learn();
    expect(await mind(device)).toEqual(await mind(twin));
  });

  test("that contradict each other leave the answer between them", async () => {
    const device = await readyDevice();
    for (let i = 0; i < 40; i++) {
      await device.agent.label({ id: `c${i}`, text: "so bazinga", label: i % 2 === 0 ? "joy" : "fear" });
    }
    const { probabilities } = await device.agent.predict({ text: "so bazinga" });
    const [joy, fear] = [probabilities.joy!, probabilities.fear!];
    expect(joy + fear).toBeGreaterThan(0.6);
    expect(Math.abs(joy - fear)).toBeLessThan(0.2);
    const { behindBest, atMost } = await mixtureOf(device);
    expect(behindBest).toBeLessThanOrEqual(atMost);
  });

  test("of one class only keep every other class possible", async () => {
    const device = await readyDevice();
    for (const said of sayings(60, 1)) await device.agent.label({ ...said, label: "joy" });
    expect(areDistributions(await answers(device))).toBe(true);
    await device.agent.learn();
    expect(areDistributions(await answers(device))).toBe(true);
  });

  test("for texts whose features are all equal leave a distribution", async () => {
    const device = await readyDevice({ blind: true });
    for (const said of sayings(60, 1)) await device.agent.label(said);
    await device.agent.learn();
    expect(areDistributions(await answers(device))).toBe(true);
  });

  test("for texts with huge features leave a distribution, and are forgotten without a trace", async () => {
    const device = await readyDevice();
    const { engine } = device.ports;
    let factor = 1;
    const createEncoder: typeof engine.createEncoder = (...parts) => {
      const encoder = engine.createEncoder(...parts);
      return {
        ...encoder,
        forward(ids) {
          const output = encoder.forward(ids);
          for (const { data } of output.hiddenStates) for (let i = 0; i < data.length; i++) data[i]! *= factor;
          return output;
        },
      };
    };
    Object.assign(device.ports, { engine: { ...engine, createEncoder } });
    device.restart();
    for (const said of sayings(30, 1)) await device.agent.label(said);
    await device.agent.learn();
    const before = await mind(device);
    factor = 1e30;
    await device.agent.label({ id: "huge", text: "so bazinga", label: "fear", split: "train" });
    expect(areDistributions(await answers(device))).toBe(true);
    factor = 1;
    expect(areDistributions(await answers(device))).toBe(true);
    await device.agent.forget("huge");
    expect(await mind(device)).toEqual(before);
  });
});
