// The person's actions over a whole agent: labels, forgetting, learning, and the reports that these bring about.

import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings, type TinyRelease } from "@attune/fakes/tiny-release";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { type LabelInput, maxUtteranceCodePoints, type Split } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { recordName } from "../learning/record-names.js";

let release: TinyRelease;
beforeAll(() => {
  release = createTinyRelease();
});

async function readyDevice(options: Parameters<typeof createDevice>[0] = {}): Promise<Device> {
  const device = createDevice(options);
  device.fleet.publish(release);
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  await stop();
  return device;
}

const split = (i: number): Split => (i % 5 === 0 ? "holdout" : "train");
const batches = (device: Device) => device.faults.steps;

describe("before the first release", () => {
  test("there is nothing to predict with, but labels are kept", async () => {
    const device = createDevice();
    await expect(device.agent.predict({ text: "hello" })).rejects.toMatchObject({ code: "NO_RELEASE" });
    await expect(device.agent.learn()).rejects.toMatchObject({ code: "NO_RELEASE" });
    await expect(device.agent.report()).rejects.toMatchObject({ code: "NO_RELEASE" });
    await expect(device.agent.start(new AbortController().signal)).rejects.toMatchObject({ code: "NOT_ENROLLED" });
    for (const [i, said] of sayings(70, 1).entries()) await device.agent.label({ ...said, split: split(i) });
    device.fleet.publish(release);
    await device.enrol();
    const stop = device.start();
    await device.clock.until(() => device.fleet.received.size === 2);
    // The agent learned at once, and reported the milestone that was passed.
    expect(await device.agent.status()).toMatchObject({ utterances: { train: 56, holdout: 14 } });
    expect((await device.agent.status()).f1Personal).not.toBeNull();
    await stop();
  });
});

describe("a label", () => {
  let device: Device;
  beforeEach(async () => {
    device = await readyDevice();
  });
  const said = { id: "a1", text: "so happy", label: "joy" } as const;

  test("is written once, however often it comes", async () => {
    const first = await device.agent.label(said);
    const before = batches(device);
    expect(await device.agent.label(said)).toEqual(first);
    expect(batches(device)).toBe(before);
  });

  test("can be corrected, and the text said anew", async () => {
    await device.agent.label({ ...said, split: "train" });
    await device.agent.label({ ...said, label: "anger" });
    const last = await device.agent.label({ ...said, text: "so mad", label: "anger", split: "holdout" });
    expect(last).toEqual({ id: "a1", split: "holdout", utterances: { train: 0, holdout: 1 } });
  });

  test("goes to the same side of the split each time, a fifth of them to the hold-out", async () => {
    let holdout = 0;
    for (let i = 0; i < 200; i++) {
      if ((await device.agent.label({ ...said, id: `s${i}` })).split === "holdout") holdout++;
    }
    expect(holdout).toBeGreaterThan(25);
    expect(holdout).toBeLessThan(55);
  });

  test.each([
    ["an unknown label", { ...said, label: "so happy I could" }, "label "],
    ["an empty text", { ...said, text: "  " }, "text "],
    ["an id with other characters", { ...said, id: "so happy" }, "id "],
    ["a text above the limit", { ...said, text: "\u{1f600}".repeat(maxUtteranceCodePoints + 1) }, "text "],
    ["an unknown split", { ...said, split: "so happy" }, "split "],
  ])("is refused with %s, naming the field and repeating nothing", async (_, input, field) => {
    const before = batches(device);
    const error: Error = await device.agent.label(input as LabelInput).then(
      () => new Error("accepted"),
      (cause: Error) => cause,
    );
    expect(error).toMatchObject({ code: "INVALID_INPUT" });
    expect(error.message.startsWith(field)).toBe(true);
    expect(error.message).not.toContain("happy");
    expect(batches(device)).toBe(before);
  });

  test("may be as long as the limit, counted in code points", async () => {
    const text = "\u{1f600}".repeat(maxUtteranceCodePoints);
    expect(await device.agent.label({ ...said, text })).toMatchObject({ id: "a1" });
    expect(await device.agent.predict({ text })).toMatchObject({ id: null });
    const longer = device.agent.predict({ text: `${text}a` });
    await expect(longer).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: "text is longer than 8192 code points",
    });
  });

  test("stores nothing that can be read without the key, and logs nothing of it", async () => {
    await device.agent.label({ ...said, text: "bazinga canary" });
    await device.agent.learn();
    const stored = [...device.store.contents].map(([key, value]) => key + Buffer.from(value).toString("latin1"));
    for (const haystack of [...stored, ...device.logged, ...device.fleet.wire]) {
      expect(haystack).not.toContain("canary");
    }
    device.restart();
    expect(await device.agent.label({ ...said, text: "bazinga canary" })).toMatchObject({ id: "a1" });
  });

  test("takes lone surrogates, astral characters and emoji", async () => {
    await device.agent.label({ ...said, text: "so \ud800 happy 😀 𝒳" });
    const before = batches(device);
    await device.agent.label({ ...said, text: "so \ud800 happy 😀 𝒳" });
    expect(batches(device)).toBe(before);
    expect((await device.agent.predict({ text: "\udfff" })).label).toBeTypeOf("string");
  });

  test("is kept when its features are not numbers, for no message to others may show that they are not", async () => {
    const broken = await readyDevice();
    const engine = broken.ports.engine;
    // The engine breaks only once the release is open: a release that is broken from the start is not taken
    // into use at all.
    let breaks = false;
    Object.assign(broken.ports, {
      engine: {
        ...engine,
        createEncoder: (...parts: Parameters<typeof engine.createEncoder>) => {
          const encoder = engine.createEncoder(...parts);
          return {
            ...encoder,
            forward: (ids: Int32Array) => {
              const output = encoder.forward(ids);
              if (breaks) output.hiddenStates.at(-1)!.data.fill(Number.NaN);
              return output;
            },
          };
        },
      },
    });
    broken.restart();
    await broken.agent.predict({ text: "hello" });
    breaks = true;
    await broken.agent.label({ ...said, text: "a a a a a a a a a", split: "train" });
    expect((await broken.agent.status()).utterances).toEqual({ train: 1, holdout: 0 });
    expect((await broken.agent.learn()).head).toBe("prior");
    breaks = false;
    broken.restart();
    expect((await broken.agent.learn()).trainMs).not.toBeNull();
  });
});

describe("forgetting", () => {
  test("leaves the same features and the same head as if it had never been said", async () => {
    const all = sayings(60, 1).map((said, i) => ({ ...said, split: split(i) }));
    const forgetful = await readyDevice();
    const innocent = await readyDevice();
    for (const said of all) await forgetful.agent.label(said);
    for (const said of all.toReversed()) {
      if (said.id !== "u0007" && said.id !== "u0010") await innocent.agent.label(said);
    }
    await forgetful.agent.learn();
    expect(await forgetful.agent.forget("u0007")).toEqual({ removed: true, retrained: true });
    expect(await forgetful.agent.forget("u0010")).toEqual({ removed: true, retrained: true });
    expect(await forgetful.agent.forget("u0010")).toEqual({ removed: false });
    await innocent.agent.learn();
    await expectSameMind(forgetful, innocent);
    forgetful.restart();
    await expectSameMind(forgetful, innocent);
    const name = await recordName(forgetful.ports.hashing, "u0007");
    expect([...forgetful.store.contents.keys()].filter((key) => key.includes(name))).toEqual([]);
  });

  async function expectSameMind(a: Device, b: Device): Promise<void> {
    for (const text of ["the bazinga", "so happy !", "ugh"]) {
      expect((await a.agent.predict({ text })).probabilities).toEqual((await b.agent.predict({ text })).probabilities);
    }
    const [{ f1Prior, f1Personal, utterances }, other] = [await a.agent.status(), await b.agent.status()];
    expect({ f1Prior, f1Personal, utterances }).toEqual({
      f1Prior: other.f1Prior,
      f1Personal: other.f1Personal,
      utterances: other.utterances,
    });
    const keys = (device: Device) =>
      [...device.store.contents.keys()].filter((key) => /^(utterance|features|head)/.test(key));
    expect(keys(a).sort()).toEqual(keys(b).sort());
  }

  test("survives forgetting the last utterance there was", async () => {
    const device = await readyDevice();
    await device.agent.label({ id: "only", text: "so happy", label: "joy", split: "train" });
    await device.agent.learn();
    await device.agent.forget("only");
    expect(await device.agent.predict({ text: "so happy" })).toMatchObject({ head: "prior" });
  });
});

describe("metrics reports", () => {
  const queued = async (device: Device) => (await device.agent.status()).outbox.pending;

  test("come with every fiftieth label to learn from, and once for each state that learn is asked to report", async () => {
    const device = await readyDevice();
    const start = await queued(device);
    const all = sayings(101, 1).map((said) => ({ ...said, split: "train" as const }));
    for (const said of all.slice(0, 49)) await device.agent.label(said);
    expect(await queued(device)).toBe(start);
    for (const said of all.slice(49)) await device.agent.label(said);
    expect(await queued(device)).toBe(start + 2);
    await device.agent.learn({ report: true });
    await device.agent.learn({ report: true });
    await device.agent.learn();
    expect(await queued(device)).toBe(start + 3);
    await device.agent.report();
    expect(await queued(device)).toBe(start + 4);
  });

  test("wait, without anything being dropped, while the outbox is full, and are made when there is room", async () => {
    const device = await readyDevice({ outboxLimit: 2 });
    device.fleet.brokerUp = false;
    const stop = device.start();
    for (const said of sayings(150, 1)) await device.agent.label({ ...said, split: "train" });
    await device.agent.learn({ report: true });
    await expect(device.agent.report()).rejects.toMatchObject({ code: "OUTBOX_FULL" });
    const full = await device.agent.status();
    expect(full.outbox).toMatchObject({ pending: 2, limit: 2 });
    expect(full.outbox.held).toBeGreaterThan(0);
    device.fleet.brokerUp = true;
    await device.clock.until(() => device.fleet.received.size === 5);
    await device.clock.until(async () => (await queued(device)) === 0);
    const types = [...device.fleet.received.values()].map((body) => JSON.parse(body).type);
    expect(types.filter((type) => type === "report.metrics").length).toBe(4);
    await stop();
  });

  test("are resent byte for byte when an acknowledgement is lost", async () => {
    const device = await readyDevice();
    device.fleet.loseAcks = 3;
    const stop = device.start();
    await device.agent.report();
    await device.clock.until(async () => (await queued(device)) === 0);
    expect(device.fleet.loseAcks).toBe(0);
    const sequences = [...device.fleet.received.keys()].map((id) => Number(id.split("-").at(-1))).sort();
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
    await stop();
  });
});

test("answers at a start whose learning is not possible yet, and learns later", async () => {
  const device = await readyDevice();
  for (const [i, said] of sayings(30, 1).entries()) await device.agent.label({ ...said, split: split(i) });
  await device.agent.learn();
  const saved = [...device.store.contents.keys()].find((key) => key.startsWith("head/"))!;
  device.store.contents.delete(saved);
  const batch = device.store.batch;
  device.store.batch = async () => {
    throw new AppError("DISK_FULL", "no space (by the test)");
  };
  device.restart();
  expect((await device.agent.predict({ text: "so happy" })).head).toBe("prior");
  await vi.waitFor(() => expect(device.logged.join()).toContain("learning.postponed"));
  device.store.batch = batch;
  await device.agent.label({ id: "one-more", text: "so mad", label: "anger" });
  expect((await device.agent.status()).f1Personal).not.toBeNull();
});

test("has the store erase what is forgotten or said anew, with its features and the heads that saw it", async () => {
  const device = await readyDevice();
  for (const [i, said] of sayings(30, 1).entries()) await device.agent.label({ ...said, split: split(i) });
  await device.agent.learn();
  const erased: string[] = [];
  const { erase } = device.store;
  device.store.erase = (operations) => {
    erased.push(...operations.map(({ key }) => key.replace(/^(head|features)\/[^/]+/, "$1")));
    return erase(operations);
  };
  const { id } = sayings(1, 1)[0]!;
  const name = await recordName(device.ports.hashing, id);
  await device.agent.label({ id, text: "so mad", label: "anger" });
  const traces = [`utterance/${name}`, `features/${name}`, "head/mixture"];
  expect(erased).toEqual(expect.arrayContaining(traces));
  await device.agent.learn();
  erased.length = 0;
  await device.agent.forget(id);
  expect(erased).toEqual(expect.arrayContaining(traces));
});

test("refuses a mixture that was saved on another prior head, and refits", async () => {
  const device = await readyDevice();
  for (const [i, said] of sayings(30, 1).entries()) await device.agent.label({ ...said, split: split(i) });
  await device.agent.learn();
  const expected = await device.agent.predict({ text: "so happy" });
  const key = [...device.store.contents.keys()].find((name) => name.startsWith("head/"))!;
  const { cipher } = device.ports;
  const file = parseSafetensors(await cipher.open(device.store.contents.get(key)!, key));
  const saved = JSON.parse(file.metadata.mixture!);
  const mixture = JSON.stringify({
    ...saved,
    identity: saved.identity.replace("joy", "glee"),
    measured: { ...saved.measured, f1Prior: 0.123 },
  });
  const other = serializeSafetensors({ ...file, metadata: { mixture } });
  device.store.contents.set(key, await cipher.seal(other, key));
  device.restart();
  await device.clock.until(async () => (await device.agent.predict({ text: "so happy" })).head === "personal");
  expect((await device.agent.predict({ text: "so happy" })).probabilities).toEqual(expected.probabilities);
  expect((await device.agent.status()).f1Prior).not.toBe(0.123);
});
