// kill -9 before and after every durable step: the restarted agent ends in the same state, with the same reports.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import { createRandom } from "@attune/ml/tensor/random";
import type { Split } from "@attune/shared/contracts/local-api";
import { describe, expect, test } from "vitest";
import { verifyJournal } from "./egress/journal.js";

const first = createTinyRelease({ sequence: 1 });
const second = createTinyRelease({ sequence: 2, seed: 2 });
const split = (i: number): Split => (i % 3 === 0 ? "holdout" : "train");
const said = sayings(80, 1).map((saying, i) => ({ ...saying, split: split(i) }));

/** The calls of one life. A kill may cut any of them short; the next life makes the call again. */
type Life = (device: Device) => Promise<void>;

async function reach(device: Device, condition: () => Promise<boolean>): Promise<void> {
  await device.clock.until(async () => {
    device.faults.check();
    return condition();
  }, 3 * 3_600_000);
}

const outboxIsEmpty = (device: Device) => async () => (await device.agent.status()).outbox.pending === 0;

const takeFirstRelease: Life = async (device) => {
  device.fleet.publish(first);
  await device.enrol();
  const stop = device.start();
  try {
    await reach(device, async () => (await device.agent.status()).updateState === "committed");
    await reach(device, outboxIsEmpty(device));
  } finally {
    await stop();
  }
};

const learnSomething: Life = async (device) => {
  const stop = device.start();
  try {
    for (const saying of said.slice(-8)) await device.agent.label(saying);
    await device.agent.learn({ report: true });
    await reach(device, outboxIsEmpty(device));
  } finally {
    await stop();
  }
};

const forgetSomething: Life = async (device) => {
  const stop = device.start();
  try {
    await device.agent.forget(said[1]!.id);
    await device.agent.learn({ report: true });
    await reach(device, outboxIsEmpty(device));
  } finally {
    await stop();
  }
};

const takeSecondRelease: Life = async (device) => {
  device.fleet.publish(second);
  const stop = device.start();
  try {
    await reach(device, async () => (await device.agent.status()).release?.sequence === 2);
    await reach(device, outboxIsEmpty(device));
  } finally {
    await stop();
  }
};

/** Lives until the life is complete; returns how often it died. */
async function liveToTheEnd(device: Device, life: Life, prepare = (_deaths: number) => {}): Promise<number> {
  for (let deaths = 0; deaths < 100; deaths++) {
    prepare(deaths);
    try {
      await life(device);
      // A kill during the orderly stop itself shows only here.
      device.faults.check();
      return deaths;
    } catch (error) {
      if (!device.faults.dead) throw error;
      device.restart();
    }
  }
  throw new Error("died too often");
}

async function outcome(device: Device) {
  device.restart();
  const status = await device.agent.status();
  const journal = await device.agent.journal({ limit: 1_000_000 });
  const ledger = JSON.parse(new TextDecoder().decode(device.store.contents.get("egress")));
  const verdict = await verifyJournal(journal, ledger.journal, device.ports.hashing);
  return {
    journal: verdict.ok ? "whole" : verdict.detail,
    reportsInJournal: journal.filter(({ path }) => path === "nats").length,
    // A device that died before its first write draws another epoch, for it is another copy of the store.
    reports: [...device.fleet.received]
      .flat()
      .map((text) => text.replaceAll(status.epoch ?? "", "epoch"))
      .sort(),
    utterances: status.utterances,
    release: status.release,
    update: [status.updateState, status.updateReason],
    scores: [status.head, status.f1Prior, status.f1Personal],
    prediction: await device.agent.predict({ text: "so blimey ." }),
    keys: [...device.store.contents.keys()].filter((key) => !key.startsWith("journal/")).sort(),
    files: [...device.files.contents.keys()].sort(),
  };
}

function copyOf(device: Device): Device {
  const copy = createDevice();
  for (const [key, value] of device.store.contents) copy.store.contents.set(key, value);
  for (const [path, bytes] of device.files.contents) copy.files.contents.set(path, bytes);
  for (const [id, body] of device.fleet.received) copy.fleet.received.set(id, body);
  copy.fleet.publish(first);
  return copy;
}

async function expectSameEnd(from: Device, life: Life): Promise<Device> {
  const calm = copyOf(from);
  const before = calm.faults.steps;
  await liveToTheEnd(calm, life);
  const steps = calm.faults.steps - before;
  const expected = await outcome(calm);
  expect(expected.journal).toBe("whole");
  expect(steps).toBeGreaterThan(3);
  // A death just before a step equals a death just after the step before it and the messages sent in between.
  for (let step = 1; step <= steps; step++) {
    const device = copyOf(from);
    device.faults.killAt(step, step === steps ? "after" : "before");
    await liveToTheEnd(device, life);
    expect(await outcome(device), `killed at step ${step} of ${steps}`).toEqual(expected);
  }
  return calm;
}

describe("an agent that is killed", () => {
  test("enrols and takes its first release as if nothing had happened", async () => {
    const end = await expectSameEnd(createDevice(), takeFirstRelease);
    expect(end.fleet.received.size).toBe(1);
  });

  test("neither loses nor doubles an utterance or a report while it learns", async () => {
    const device = createDevice();
    await takeFirstRelease(device);
    for (const saying of said.slice(0, -8)) await device.agent.label(saying);
    device.restart();
    const end = await expectSameEnd(device, learnSomething);
    // The reports: the release, the fiftieth label to learn from, and the learning that was asked for.
    const types = [...end.fleet.received.values()].map((body) => JSON.parse(body).type);
    expect(types).toEqual(["report.state", "report.metrics", "report.metrics"]);
  });

  test("gets there however often it is killed", async () => {
    const calm = createDevice();
    const tried = createDevice();
    const random = createRandom(3);
    let deaths = 0;
    for (const life of [takeFirstRelease, learnSomething, forgetSomething, takeSecondRelease]) {
      await liveToTheEnd(calm, life);
      deaths += await liveToTheEnd(tried, life, () => tried.faults.killAt(5 + random.integer(7), "before"));
      tried.restart();
    }
    expect(deaths).toBeGreaterThan(10);
    expect(await outcome(tried)).toEqual(await outcome(calm));
  });

  test("forgets for good", async () => {
    const device = createDevice();
    await takeFirstRelease(device);
    for (const saying of said) await device.agent.label(saying);
    await device.agent.learn();
    device.restart();
    await expectSameEnd(device, forgetSomething);
  });

  test("reaches one verdict on the next release, and reports it once", async () => {
    const device = createDevice();
    await takeFirstRelease(device);
    for (const saying of said.slice(0, 62)) await device.agent.label(saying);
    await device.agent.learn();
    device.restart();
    const judged: Life = async (device) => {
      // A verdict waits for an hour. Six polls in that hour are enough to die before and after a poll.
      device.fleet.pollIntervalMs = 600_000;
      device.fleet.publish(second);
      const stop = device.start();
      try {
        await reach(device, async () => {
          const { verdicts, updateState } = await device.agent.status();
          return verdicts.count === 1 && ["committed", "rejected"].includes(updateState);
        });
        await reach(device, outboxIsEmpty(device));
      } finally {
        await stop();
      }
    };
    const end = await expectSameEnd(device, judged);
    expect((await end.agent.status()).verdicts.count).toBe(1);
  });

  test("moves to the next release with everything it has learned", async () => {
    const device = createDevice();
    await takeFirstRelease(device);
    for (const saying of said.slice(0, 30)) await device.agent.label(saying);
    await device.agent.learn();
    device.restart();
    const end = await expectSameEnd(device, takeSecondRelease);
    expect((await end.agent.status()).head.active).toBe("personal");
  });
});
