// Many labels over a whole agent: a thousand at once, and an emotion that is first met after nine hundred others.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import { expect, test } from "vitest";

const release = createTinyRelease();
const all = sayings(1_000, 1);

async function readyDevice(): Promise<Device> {
  const device = createDevice();
  device.fleet.publish(release);
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  await stop();
  return device;
}

const answer = async (device: Device, text: string) => (await device.agent.predict({ text })).probabilities;

test("A thousand labels at once are all learned, and a refit makes the same of them in the opposite order.", async () => {
  const answers: Awaited<ReturnType<typeof answer>>[] = [];
  for (const order of [all, all.toReversed()]) {
    const device = await readyDevice();
    await Promise.all(order.map((said) => device.agent.label(said)));
    const { mixture, utterances } = await device.agent.status();
    expect(mixture!.labels).toBe(1_000);
    expect(utterances.train + utterances.holdout).toBe(1_000);
    expect(mixture!.behindBest).toBeLessThanOrEqual(mixture!.atMost);
    const { f1Prior, f1Personal } = await device.agent.learn();
    expect(f1Personal!).toBeGreaterThan(f1Prior! + 0.2);
    answers.push(await answer(device, "the bazinga is"));
  }
  expect(answers[1]).toEqual(answers[0]);
});

test("An emotion that is first met after nine hundred labels is learned from its first label on.", async () => {
  const device = await readyDevice();
  const known = all.filter(({ label }) => label !== "fear").slice(0, 900);
  await Promise.all(known.map((said) => device.agent.label(said)));
  await device.agent.learn();
  const text = "hmm ugh hmm";
  const before = (await answer(device, text)).fear!;
  await device.agent.label({ id: "first", text, label: "fear", split: "train" });
  const after = (await answer(device, text)).fear!;
  expect(after).toBeGreaterThan(before);
  for (let i = 0; i < 4; i++) {
    await device.agent.label({
      id: `more${i}`,
      text: ["hmm ugh hmm so", "hmm ugh ugh", "ugh hmm hmm", "a hmm ugh"][i]!,
      label: "fear",
    });
  }
  expect((await answer(device, text)).fear!).toBeGreaterThan(after);
  await device.agent.learn();
  expect((await answer(device, text)).fear!).toBeGreaterThan(before);
});
