// Gating, whatever a release does to the person's texts: the server receives a verdict at the set time,
// and not too often.

import { createDevice, type Device } from "@attune/fakes/device";
import { sha256Hex } from "@attune/fakes/node-crypto";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import type { Engine } from "@attune/ml/engine/engine";
import { featureIdentity } from "@attune/ml/features/identity";
import { parseSafetensors, serializeSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import type { ReleaseFileName } from "@attune/shared/contracts/release";
import { beforeEach, describe, expect, test } from "vitest";

const dayMs = 86_400_000;
const first = createTinyRelease();
/** A release of the same content: only number and name differ. */
const again = (sequence: number) =>
  createTinyRelease({ sequence, amend: (release) => ({ ...release, modelVersion: `1.0.${sequence}` }) });
/** A release of other content, as good as the first. */
const other = (sequence: number) =>
  createTinyRelease({ sequence, amendFiles: withRow((row) => row("[MASK]").fill(sequence)) });

/** Changes a row of the word embeddings, and every digest of the model with it. */
function withRow(change: (row: (word: string) => Float32Array) => void) {
  return (files: Map<ReleaseFileName, Uint8Array>) => {
    const { vocab } = JSON.parse(new TextDecoder().decode(files.get("tokenizer.json"))).model;
    const model = parseSafetensors(files.get("model.safetensors")!.slice());
    const { data } = model.tensors.get("embeddings.word_embeddings.weight")!;
    change((word) => (data as Float32Array).subarray(vocab[word] * 16, (vocab[word] + 1) * 16));
    files.set("model.safetensors", serializeSafetensors(model));
    const identity = featureIdentity((name) => sha256Hex(files.get(name)!), { pooling: "mean", maxTokens: 16 });
    const head = parseSafetensors(files.get("prior-head.safetensors")!);
    const metadata = JSON.stringify(head.metadata);
    const stamped = metadata.replaceAll(first.release.features.identity, sha256Hex(new TextEncoder().encode(identity)));
    files.set("prior-head.safetensors", serializeSafetensors({ ...head, metadata: JSON.parse(stamped) }));
  };
}

const stateReports = ({ fleet }: Device) =>
  [...fleet.received.values()]
    .map((body) => JSON.parse(body))
    .filter(({ type }) => type === "report.state")
    .map(({ state, reason, releaseSequence }) => `${state}/${reason}/${releaseSequence}`);
const releaseOf = async (device: Device) => (await device.agent.status()).release?.sequence;
const pass = (device: Device, ms: number) => device.clock.sleep(ms, new AbortController().signal);

/** From the next release on, the engine has no features for texts with one word. */
function breakOn(device: Device, word: string, how: "not a number" | "an exception"): void {
  const id = JSON.parse(new TextDecoder().decode(first.files.get("tokenizer.json"))).model.vocab[word];
  const { engine } = device.ports;
  const unused = (file: TensorFile) => file.tensors.get("embeddings.word_embeddings.weight")!.data[4 * 16];
  const createEncoder: Engine["createEncoder"] = (config, file) => {
    const encoder = engine.createEncoder(config, file);
    if (unused(file) === unused(parseSafetensors(first.files.get("model.safetensors")!))) return encoder;
    return {
      ...encoder,
      forward(ids) {
        const output = encoder.forward(ids);
        if (!ids.includes(id)) return output;
        if (how === "an exception") throw new RangeError("memory access out of bounds");
        output.hiddenStates.at(-1)!.data.fill(Number.NaN);
        return output;
      },
    };
  };
  Object.assign(device.ports, { engine: { ...engine, createEncoder } });
}

async function livingDevice(): Promise<{ device: Device; stop: () => Promise<void> }> {
  const device = createDevice();
  device.fleet.publish(first);
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await releaseOf(device)) === 1);
  return { device, stop };
}

/** Labels 60 utterances to learn from and 60 to be judged on. */
async function label(device: Device): Promise<void> {
  for (const [i, said] of sayings(120, 0, 8).entries()) {
    await device.agent.label({ ...said, split: i % 2 === 0 ? "train" : "holdout" });
  }
  await device.agent.learn();
}

describe("a release that asks whether a word was said", () => {
  const question = (word: string, sequence: number) =>
    createTinyRelease({ sequence, amendFiles: withRow((row) => row(word).fill(1e30)) });

  test("by weights that overflow for it is refused before it meets any text", async () => {
    const answers: string[][] = [];
    for (const secret of ["bazinga", "blimey"]) {
      const { device, stop } = await livingDevice();
      await device.agent.label({ id: "private", text: `so ${secret} today`, label: "joy", split: "train" });
      device.fleet.publish(question("bazinga", 2));
      await device.clock.until(() => stateReports(device).length === 2);
      answers.push(stateReports(device));
      expect([...device.store.contents.keys()].filter((key) => key.startsWith("features/"))).toHaveLength(1);
      await stop();
    }
    expect(answers).toEqual(Array(2).fill(["committed/none/1", "failed/extractorInvalid/1"]));
  });

  test.each(["not a number", "an exception"] as const)(
    "by %s is taken all the same where nothing is judged",
    async (how) => {
      const wires: string[][] = [];
      for (const secret of ["bazinga", "blimey"]) {
        const device = createDevice();
        breakOn(device, "bazinga", how);
        device.fleet.publish(first);
        await device.enrol();
        const stop = device.start();
        await device.clock.until(async () => (await releaseOf(device)) === 1);
        await device.agent.label({ id: "private", text: `so ${secret} today`, label: "joy", split: "train" });
        for (const said of sayings(50, 0)) await device.agent.label({ ...said, split: "train" });
        device.fleet.publish(other(2));
        await device.clock.until(() => stateReports(device).length === 2);
        await device.agent.learn({ report: true });
        await device.clock.until(async () => (await device.agent.status()).outbox.pending === 0);
        await stop();
        device.restart();
        expect(await releaseOf(device)).toBe(2);
        const { epoch } = await device.agent.status();
        // Training time differs from life to life; everything else that was reported is the same.
        const mask = (text: string) => text.replaceAll(epoch ?? "", "epoch").replace(/"trainTime":\d+/, "");
        wires.push([...device.fleet.received.values()].map(mask));
      }
      expect(wires[0]).toEqual(wires[1]);
    },
  );
});

describe("a release that is judged", () => {
  let device: Device;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    ({ device, stop } = await livingDevice());
    await label(device);
  });

  const blind = (sequence: number) => createTinyRelease({ sequence, blind: true });

  test.each([
    ["is taken", () => other(2), "committed/none/2"],
    ["is inferior", () => blind(2), "rejected/personalInferior/1"],
    ["cannot read one text", () => other(2), "rejected/personalInferior/1"],
    ["throws on one text", () => other(2), "rejected/personalInferior/1"],
  ])("and %s says so when gating's deadline is over and not before", async (what, release, expected) => {
    await device.agent.label({ id: "private", text: "so bazinga today", label: "joy", split: "holdout" });
    if (what.includes("text")) breakOn(device, "bazinga", what.startsWith("throws") ? "an exception" : "not a number");
    const gating = device.entered("gating");
    device.fleet.publish(release());
    await gating;
    await pass(device, 3_500_000);
    expect(stateReports(device)).toHaveLength(1);
    expect(device.fleet.polls.at(-1)?.message).toMatchObject({ state: "gating", reason: "none", releaseSequence: 1 });
    await pass(device, 200_000);
    expect(stateReports(device)).toEqual(["committed/none/1", expected]);
    expect((await device.agent.status()).verdicts).toMatchObject({ count: 1, waiting: null });
    await stop();
  });

  test("takes in what is said and forgotten until then", async () => {
    device.fleet.publish(other(2));
    await device.entered("gating");
    await pass(device, 1_800_000);
    await device.agent.forget("u0001");
    await device.agent.label({ id: "new", text: "crumbs", label: "joy", split: "train" });
    await device.clock.until(async () => (await releaseOf(device)) === 2);
    await stop();
    expect([...device.store.contents.keys()].filter((key) => key.startsWith("features/"))).toHaveLength(120);
  });

  test("is found out again after a restart, and is not paid for twice", async () => {
    device.fleet.publish(other(2));
    await device.entered("gating");
    await pass(device, 1_800_000);
    await stop();
    device.restart();
    stop = device.start();
    await device.clock.until(async () => (await releaseOf(device)) === 2, 2 * 3_600_000);
    expect((await device.agent.status()).verdicts.count).toBe(1);
    await stop();
  });

  describe("after another in the same week", () => {
    beforeEach(async () => {
      device.fleet.publish(other(2));
      await device.clock.until(async () => (await releaseOf(device)) === 2, 2 * 3_600_000);
      device.fleet.publish(other(3));
      await device.clock.until(async () => (await device.agent.status()).verdicts.waiting === 3);
    });

    test("waits, whatever the wall clock says, and the status says so", async () => {
      device.clock.setWall(device.clock.nowMs() + 60 * dayMs);
      await pass(device, 2 * dayMs);
      const { verdicts } = await device.agent.status();
      expect(verdicts).toMatchObject({ count: 1, waiting: 3 });
      expect(verdicts.nextInMs).toBeGreaterThan(4 * dayMs);
      expect(verdicts.nextInMs).toBeLessThan(5 * dayMs);
      await device.clock.until(async () => (await releaseOf(device)) === 3, 6 * dayMs);
      expect((await device.agent.status()).verdicts.count).toBe(2);
      await stop();
    });

    test("keeps waiting after a restart, and a clock that was set back lets neither too little nor too much time pass", async () => {
      await stop();
      device.clock.setWall(device.clock.nowMs() - 3_000 * dayMs);
      for (let restarts = 0; restarts < 4; restarts++) {
        device.restart();
        stop = device.start();
        await device.clock.until(async () => (await device.agent.status()).verdicts.waiting === 3);
        await pass(device, dayMs);
        await stop();
      }
      device.restart();
      stop = device.start();
      await device.clock.until(async () => (await releaseOf(device)) === 3, 4 * dayMs);
      expect((await device.agent.status()).verdicts.count).toBe(2);
      await stop();
    });

    test("lets a release of a content that has run here pass at once and unjudged", async () => {
      device.fleet.publish(again(4));
      await device.clock.until(async () => (await releaseOf(device)) === 4);
      expect((await device.agent.status()).verdicts).toMatchObject({ count: 1, waiting: null });
      await stop();
    });

    test("is given up for one that the server names instead, which waits in its place", async () => {
      device.fleet.publish(other(4));
      await device.clock.until(async () => (await device.agent.status()).verdicts.waiting === 4);
      await stop();
      expect([...device.files.contents.keys()].some((path) => path.startsWith("slots/3/"))).toBe(false);
    });

    test("may take a pause of a week and no longer", async () => {
      await stop();
      await pass(device, 7 * dayMs);
      device.restart();
      stop = device.start();
      await device.clock.until(async () => (await releaseOf(device)) === 3, 2 * 3_600_000);
      await stop();
    });
  });
});
