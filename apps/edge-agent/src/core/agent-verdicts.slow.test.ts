// Verdicts over a whole agent under contract 2: the word leaves at its time, whatever the judgement took.

import { type BoundedDevice, boundedRelease, createBoundedDevice } from "@attune/fakes/bounded-device";
import { Killed } from "@attune/fakes/faults";
import { sayings } from "@attune/fakes/tiny-release";
import type { Engine } from "@attune/ml/engine/engine";
import { egressContract2 } from "@attune/shared/contracts/egress-2";
import { AppError } from "@attune/shared/errors";
import { describe, expect, test } from "vitest";

const { verdictDelayMs, verdictPauseMs } = egressContract2.person;
const hourMs = 3_600_000;
const first = boundedRelease();
const other = (sequence: number) => boundedRelease({ sequence, seed: sequence });
const blind = (sequence: number) => boundedRelease({ sequence, blind: true });
/** The content of the first release under another number. */
const again = (sequence: number) => boundedRelease({ sequence });

const said = sayings(120, 0, 8).map((saying, i) => ({ ...saying, split: i % 2 === 0 ? "train" : "holdout" }) as const);

async function createLabelled(count = said.length): Promise<BoundedDevice> {
  const device = await createBoundedDevice(first);
  for (const saying of said.slice(0, count)) await device.agent.label(saying);
  await device.agent.learn();
  return device;
}

const statusOf = async (device: BoundedDevice) => {
  const { release, updateState, verdicts } = await device.agent.status();
  return { release: release?.sequence, updateState, ...verdicts };
};
const verdictsOf = (device: BoundedDevice) => device.left("report.verdict").map(({ message }) => message.verdict);
const until = (device: BoundedDevice, condition: () => boolean | Promise<boolean>) =>
  device.clock.until(condition, 4 * verdictPauseMs);

/** Publishes the release, and returns the instant at which it has passed its test. */
async function reachGating(device: BoundedDevice, release: ReturnType<typeof other>): Promise<number> {
  device.fleet.publish(release);
  const polled = device.fleet.polls.length;
  await device.entered("gating");
  expect(device.fleet.polls.length).toBeGreaterThan(polled);
  return device.clock.monotonicMs();
}

/** Waits for the next verdict, and returns the time that it took since `testedMs`. */
async function verdictAfter(device: BoundedDevice, testedMs: number): Promise<number> {
  const before = device.left("report.verdict").length;
  await until(device, () => device.left("report.verdict").length > before);
  return device.left("report.verdict").at(-1)!.atMs - testedMs;
}

/** From now on each step of an extraction, of eight texts, takes so long. */
async function slowDown(device: BoundedDevice, stepMs: number): Promise<void> {
  const { clock } = device;
  const sleep: typeof clock.sleep = (ms, signal) => clock.sleep(ms === 0 ? stepMs : ms, signal);
  Object.assign(device.ports, { clock: { ...clock, sleep } });
  await device.off(0);
}

describe("a verdict leaves a day after the release's test, to the millisecond,", () => {
  test.each([
    ["without any label", 0, other(2), "tooLittle"],
    ["with labels below twenty pairs", 30, other(2), "tooLittle"],
    ["where the release is worse", 120, blind(2), "worse"],
  ])("%s", async (_, labels, release, verdict) => {
    const device = await createLabelled(labels);
    device.fleet.pollIntervalMs = hourMs;
    const testedMs = await reachGating(device, release);
    const polls = device.fleet.polls.length;
    const tookMs = await verdictAfter(device, testedMs);
    expect(tookMs).toBeCloseTo(verdictDelayMs, 3);
    expect(verdictsOf(device)).toEqual([verdict]);
    const words = device.left("report.verdict").map(({ text }) => text.length);
    expect(words).toEqual([320]);
    const meanwhile = device.fleet.polls.slice(polls, -1).map(({ message }) => message);
    expect(meanwhile.length).toBeGreaterThan(15);
    for (const poll of meanwhile) expect(poll).toMatchObject({ state: "testing", reason: "none", releaseSequence: 1 });
    expect(device.left("report.verdict")[0]!.message).toMatchObject({ releaseSequence: 2 });
    await device.stop();
  });

  test.each([
    ["where extraction takes two and a half hours", 10 * 60_000, ["better", "same", "tooLittle", "worse"]],
    ["where extraction would take two days", 3 * hourMs, ["worse"]],
  ])("%s", async (_, stepMs, allowed) => {
    const device = await createLabelled();
    await slowDown(device, stepMs);
    const testedMs = await reachGating(device, other(2));
    expect(await verdictAfter(device, testedMs)).toBeCloseTo(verdictDelayMs, 3);
    expect(allowed).toContain(verdictsOf(device)[0]);
    await device.stop();
  });

  test("where labels come and go meanwhile, before the finding and after it", async () => {
    const device = await createLabelled();
    await slowDown(device, 10 * 60_000);
    const testedMs = await reachGating(device, other(2));
    for (let hour = 0; hour < 20; hour++) {
      await device.agent.forget(said[hour]!.id);
      await device.agent.label({ id: `new-${hour}`, text: "so crumbs", label: "joy", split: "holdout" });
      await device.pass(hourMs);
    }
    expect(await verdictAfter(device, testedMs)).toBeCloseTo(verdictDelayMs, 3);
    await device.stop();
  });

  test.each([
    ["kill", (device: BoundedDevice) => expect(() => device.faults.kill()).toThrow(Killed)],
    ["stop", () => {}],
  ])("after a %s and a restart, while texts are read and while the verdict waits", async (_, end) => {
    const device = await createLabelled();
    await slowDown(device, 10 * 60_000);
    const testedMs = await reachGating(device, other(2));
    for (const hour of [1, 12]) {
      await device.pass(hour * hourMs);
      end(device);
      await device.off(1_000);
    }
    expect(await verdictAfter(device, testedMs)).toBeCloseTo(verdictDelayMs, 3);
    expect((await statusOf(device)).count).toBe(1);
    await device.stop();
  });

  test.each(["a text cannot be read", "the store takes no features"])("as worse, where %s", async (what) => {
    const device = await createLabelled();
    const { engine, store } = device.ports;
    if (what.startsWith("a text")) {
      await device.agent.label({ id: "private", text: "so bazinga today", label: "joy", split: "holdout" });
      const word = JSON.parse(new TextDecoder().decode(first.files.get("tokenizer.json"))).model.vocab.bazinga;
      let opened = 0;
      const createEncoder: Engine["createEncoder"] = (...parts) => {
        const encoder = engine.createEncoder(...parts);
        const isCandidate = opened++ > 0;
        const forward: typeof encoder.forward = (ids) => {
          if (isCandidate && ids.includes(word)) throw new RangeError("memory access out of bounds");
          return encoder.forward(ids);
        };
        return { ...encoder, forward };
      };
      Object.assign(device.ports, { engine: { ...engine, createEncoder } });
    } else {
      const { batch } = store;
      Object.assign(store, {
        batch: async (operations: Parameters<typeof batch>[0]) => {
          if (operations.filter(({ key }) => key.startsWith("features/")).length > 1)
            throw new AppError("DISK_FULL", "full");
          return batch(operations);
        },
      });
    }
    await device.off(0);
    const testedMs = await reachGating(device, other(2));
    expect(await verdictAfter(device, testedMs)).toBeCloseTo(verdictDelayMs, 3);
    expect(verdictsOf(device)).toEqual(["worse"]);
    expect((await statusOf(device)).release).toBe(1);
    await device.stop();
  });
});

describe("a release under contract 2", () => {
  test("keeps nothing of an utterance that was forgotten after the finding", async () => {
    const lives: Record<string, number>[] = [];
    for (const forgets of [true, false]) {
      const device = await createLabelled(0);
      for (const saying of said) if (forgets || saying !== said[4]) await device.agent.label(saying);
      await device.agent.learn();
      await reachGating(device, again(2));
      await until(device, async () => (await statusOf(device)).release === 2);
      await reachGating(device, other(3));
      await device.pass(12 * hourMs);
      if (forgets) await device.agent.forget(said[4]!.id);
      await until(device, async () => (await statusOf(device)).release === 3 || verdictsOf(device).includes("worse"));
      expect(verdictsOf(device)).not.toContain("worse");
      lives.push((await device.agent.predict({ text: "the bazinga is" })).probabilities);
      const features = [...device.store.contents.keys()].filter((key) => key.startsWith("features/"));
      expect(features.length % 119).toBe(0);
      await device.stop();
    }
    expect(lives[0]).toEqual(lives[1]);
  });

  test("waits in the pause after a verdict, and is taken without a verdict once the person lets it in", async () => {
    const device = await createLabelled(0);
    const testedMs = await reachGating(device, other(2));
    await verdictAfter(device, testedMs);
    await until(device, async () => (await statusOf(device)).release === 2);
    await reachGating(device, other(3));
    await device.pass(2 * verdictDelayMs);
    expect(await statusOf(device)).toMatchObject({ release: 2, waiting: 3, count: 1 });
    expect(device.fleet.polls.at(-1)!.message).toMatchObject({ state: "testing", releaseSequence: 2 });
    expect(await device.agent.letIn()).toEqual({ release: 3 });
    await until(device, async () => (await statusOf(device)).release === 3);
    await device.pass(hourMs);
    expect(await statusOf(device)).toMatchObject({ waiting: null, count: 1 });
    expect(verdictsOf(device)).toEqual(["tooLittle"]);
    expect(device.left("report.state").at(-1)!.message).toMatchObject({ state: "committed", releaseSequence: 3 });
    await device.stop();
  });

  test("is judged when the pause is over, where nobody lets it in", async () => {
    const device = await createLabelled(0);
    const admittedMs = await reachGating(device, other(2));
    await until(device, async () => (await statusOf(device)).release === 2);
    await reachGating(device, other(3));
    const tookMs = await verdictAfter(device, admittedMs);
    expect(tookMs).toBeGreaterThanOrEqual(verdictPauseMs + verdictDelayMs - 1);
    expect(tookMs).toBeLessThan(verdictPauseMs + verdictDelayMs + 1_000);
    await device.stop();
  });

  test("goes back to a content that ran here at once, and no verdict is counted", async () => {
    const device = await createLabelled();
    device.fleet.publish(blind(2));
    await until(device, () => verdictsOf(device).length === 1);
    const testedMs = await reachGating(device, again(3));
    await until(device, async () => (await statusOf(device)).release === 3);
    expect(device.clock.monotonicMs() - testedMs).toBeLessThan(hourMs);
    expect(await statusOf(device)).toMatchObject({ count: 1, waiting: null });
    expect(verdictsOf(device)).toEqual(["worse"]);
    await device.stop();
  });

  test("that was refused is not judged anew within the pause, though the server asks for another between", async () => {
    const device = await createLabelled();
    const refused = blind(2);
    const testedMs = await reachGating(device, refused);
    await verdictAfter(device, testedMs);
    device.fleet.target = { sequence: 3, manifestSha256: "0".repeat(64) };
    await until(device, async () => (await statusOf(device)).updateState === "downloading");
    device.fleet.publish(refused);
    await until(device, async () => (await statusOf(device)).updateState === "gating");
    await device.pass(3 * verdictDelayMs);
    expect(verdictsOf(device)).toEqual(["worse"]);
    expect(await statusOf(device)).toMatchObject({ waiting: 2, count: 1 });
    await device.stop();
  });
});
