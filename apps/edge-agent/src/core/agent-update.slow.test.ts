// Updates over a whole agent: the releases that it takes, the releases that it refuses, and its work meanwhile.

import { createDevice, type Device } from "@attune/fakes/device";
import { type FakeFleet, pieces, signTarget } from "@attune/fakes/fake-fleet";
import { createSigningKey } from "@attune/fakes/node-crypto";
import { createTinyRelease, sayings, type TinyRelease } from "@attune/fakes/tiny-release";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { UpdateReason, UpdateState } from "@attune/shared/contracts/current-state";
import { sizesOf } from "@attune/shared/contracts/release";
import type { SignedTarget } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import type { SignedEnvelope } from "@attune/shared/trust/signed";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { recordName } from "./learning/record-names.js";

let first: TinyRelease;
let second: TinyRelease;
beforeAll(() => {
  first = createTinyRelease({ sequence: 1 });
  second = createTinyRelease({ sequence: 2, seed: 2 });
});

let device: Device;
let stop: () => Promise<void>;
beforeEach(async () => {
  device = createDevice();
  device.fleet.publish(first);
  await device.enrol();
  stop = device.start();
  await endsAs("committed", "none");
});

async function endsAs(state: UpdateState, reason: UpdateReason): Promise<void> {
  await device.clock.until(async () => {
    const status = await device.agent.status();
    return status.updateState === state && status.updateReason === reason;
  }, 100 * 3_600_000);
}

async function restart(): Promise<void> {
  await stop();
  device.restart();
  stop = device.start();
}

const releaseNow = async () => (await device.agent.status()).release?.sequence;
const stateReports = () =>
  [...device.fleet.received.values()]
    .map((body) => JSON.parse(body))
    .filter(({ type }) => type === "report.state")
    .map(({ state, reason, releaseSequence }) => `${state}/${reason}/${releaseSequence}`);

function changeRelease({ payload, signatures }: SignedEnvelope): SignedEnvelope {
  return { payload: { ...payload, release: { sequence: 2, manifestSha256: "0".repeat(64) } }, signatures };
}

describe("an update", () => {
  test("replaces the model and keeps the one before for a rollback", async () => {
    device.fleet.publish(second);
    await device.clock.until(async () => (await releaseNow()) === 2);
    const third = createTinyRelease({ sequence: 3, seed: 3 });
    device.fleet.publish(third);
    await device.clock.until(async () => (await releaseNow()) === 3);
    await device.clock.until(() => stateReports().length === 3);
    expect(stateReports()).toEqual(["committed/none/1", "committed/none/2", "committed/none/3"]);
    await stop();
    const slots = new Set([...device.files.contents.keys()].map((path) => path.split("/")[1]));
    expect([...slots].sort()).toEqual(["2", "3"]);
  });

  test("goes back to the one before when the active one is damaged at a start", async () => {
    device.fleet.publish(second);
    await device.clock.until(async () => (await releaseNow()) === 2);
    await stop();
    device.files.contents.get("slots/2/model.safetensors")![5_000]! ^= 1;
    device.restart();
    stop = device.start();
    await endsAs("rolledBack", "digestMismatch");
    expect(await releaseNow()).toBe(1);
    expect((await device.agent.predict({ text: "so happy" })).label).toBeTypeOf("string");
    await device.clock.until(() => stateReports().includes("rolledBack/digestMismatch/1"));
    // The agent does not retry the broken release by itself.
    await device.clock.sleep(3_600_000, new AbortController().signal);
    expect(await releaseNow()).toBe(1);
    await stop();
  });

  test("fetches its only release again when that is damaged at a start", async () => {
    await stop();
    device.files.contents.get("slots/1/tokenizer.json")![50]! ^= 1;
    device.restart();
    expect(await device.agent.status()).toMatchObject({ release: null, updateState: "failed" });
    stop = device.start();
    await endsAs("committed", "none");
    expect(await releaseNow()).toBe(1);
    await stop();
  });

  test("keeps answering and learning with the old model while the new one is gated", async () => {
    for (const [i, said] of sayings(60, 1).entries()) {
      await device.agent.label({ ...said, split: i % 2 === 0 ? "train" : "holdout" });
    }
    await device.agent.learn();
    device.fleet.publish(
      createTinyRelease({ sequence: 2, amend: (release) => ({ ...release, modelVersion: "2.0.0" }) }),
    );
    await device.entered("gating");
    expect(await releaseNow()).toBe(1);
    // In the middle of the candidate's extraction one utterance is forgotten, one is said anew, and one is new.
    await device.agent.forget("u0001");
    await device.agent.label({ id: "u0002", text: "so very mad", label: "anger", split: "train" });
    await device.agent.label({ id: "new", text: "crumbs", label: "joy", split: "train" });
    await device.clock.until(async () => (await releaseNow()) === 2);
    await device.agent.learn();
    const head = (await device.agent.predict({ text: "the crumbs" })).probabilities;
    await stop();
    const name = await recordName(device.ports.hashing, "u0001");
    expect([...device.store.contents.keys()].filter((key) => key.endsWith(name))).toEqual([]);
    expect([...device.store.contents.keys()]).toContain(`utterance/${await recordName(device.ports.hashing, "u0002")}`);
    // A head trained from nothing on the stored utterances is the same, so no stale row was used.
    for (const key of [...device.store.contents.keys()])
      if (/^(features|head)\//.test(key)) device.store.contents.delete(key);
    device.restart();
    await device.agent.learn();
    expect((await device.agent.predict({ text: "the crumbs" })).probabilities).toEqual(head);
  });

  test("is refused by the personal gate when it is worse for this person, and taken when it is not", async () => {
    for (const [i, said] of sayings(120, 0, 8).entries()) {
      await device.agent.label({ ...said, split: i % 2 === 0 ? "train" : "holdout" });
    }
    await device.agent.learn();
    device.fleet.publish(createTinyRelease({ sequence: 2, blind: true }));
    await endsAs("rejected", "personalInferior");
    expect(await releaseNow()).toBe(1);
    await device.clock.until(() => stateReports().includes("rejected/personalInferior/1"));
    expect([...device.store.contents.keys()].filter((key) => key.startsWith("features/")).length).toBe(120);
    const better = createTinyRelease({ sequence: 3, amend: (release) => ({ ...release, modelVersion: "3.0.0" }) });
    device.fleet.publish(better);
    await device.clock.until(async () => (await releaseNow()) === 3);
    await stop();
  });

  test("may bring other labels: what it does not know is kept and not trained on", async () => {
    for (const said of sayings(30, 1)) await device.agent.label({ ...said, split: "train" });
    const labels = ["sadness", "joy", "neutral"] as const;
    device.fleet.publish(createTinyRelease({ sequence: 2, labels }));
    await device.clock.until(async () => (await releaseNow()) === 2);
    const { probabilities } = await device.agent.predict({ text: "so happy" });
    expect(Object.keys(probabilities)).toEqual([...labels]);
    expect((await device.agent.status()).utterances.train).toBe(30);
    await expect(device.agent.label({ id: "x", text: "no", label: "fear" })).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
    await stop();
  });

  test.each<[string, () => TinyRelease, UpdateReason]>([
    [
      "with a stranger's signature",
      () => createTinyRelease({ sequence: 2, signers: [createSigningKey()] }),
      "manifestSignature",
    ],
    [
      "that has expired",
      () => createTinyRelease({ sequence: 2, amend: (r) => ({ ...r, expiresAt: "2026-11-02T00:00:00Z" }) }),
      "manifestExpired",
    ],
    [
      "with another extractor than it claims",
      () =>
        createTinyRelease({
          sequence: 2,
          amend: (r) => ({ ...r, features: { ...r.features, identity: "0".repeat(64) } }),
        }),
      "extractorInvalid",
    ],
    [
      "of an unknown architecture",
      () =>
        createTinyRelease({
          sequence: 2,
          amendFiles: (files) => files.set("config.json", new TextEncoder().encode('{"model_type":"gpt9"}')),
        }),
      "extractorInvalid",
    ],
  ])("%s is refused, said once, and nothing changes", async (_, build, reason) => {
    const before = await device.agent.predict({ text: "so happy" });
    device.fleet.publish(build());
    await endsAs("failed", reason);
    await restart();
    await device.clock.sleep(600_000, new AbortController().signal);
    expect(await releaseNow()).toBe(1);
    expect((await device.agent.predict({ text: "so happy" })).probabilities).toEqual(before.probabilities);
    await device.clock.until(async () => (await device.agent.status()).outbox.pending === 0);
    expect(stateReports()).toEqual(["committed/none/1", `failed/${reason}/1`]);
    // The agent still takes a good release.
    device.fleet.publish(createTinyRelease({ sequence: 3, seed: 2 }));
    await device.clock.until(async () => (await releaseNow()) === 3);
    await stop();
  });

  test("back to an older release is refused, for trust has moved on", async () => {
    device.fleet.publish(second);
    await device.clock.until(async () => (await releaseNow()) === 2);
    device.fleet.publish(first);
    await endsAs("failed", "manifestRollback");
    expect(await releaseNow()).toBe(2);
    await stop();
  });

  test("with a file of another release in it is refused", async () => {
    const mixed = createTinyRelease({
      sequence: 2,
      seed: 2,
      amend: (release) => ({
        ...release,
        files: release.files.map((file) => {
          if (file.name !== "model.safetensors") return file;
          // The manifest is signed, by mistake or malice, with the chunks of release 1 under the digest of release 2.
          const { chunks } = first.release.files.find(({ name }) => name === file.name)!;
          return { ...file, chunks };
        }),
      }),
    });
    device.fleet.publish(first);
    device.fleet.publish(mixed);
    await endsAs("failed", "digestMismatch");
    expect(await releaseNow()).toBe(1);
    await stop();
  });

  test("that cannot be fetched in time has timed out, is said so once, and is taken when the network is back", async () => {
    device.fleet.publish(second);
    device.fleet.spoil = (path) => {
      if (path.includes("manifests")) return undefined;
      throw new AppError("SERVER_UNAVAILABLE", "no network");
    };
    await endsAs("timedOut", "deadline");
    await device.clock.until(async () => (await device.agent.status()).updateState === "downloading", 10 ** 8);
    await endsAs("timedOut", "deadline");
    await device.clock.until(() => stateReports().includes("timedOut/deadline/1"));
    device.fleet.spoil = undefined;
    await device.clock.until(async () => (await releaseNow()) === 2, 10 ** 8);
    await device.clock.until(() => stateReports().length === 3);
    expect(stateReports()).toEqual(["committed/none/1", "timedOut/deadline/1", "committed/none/2"]);
    await stop();
  });

  test("whose download does not get on is left for the next one that the server names", async () => {
    const third = createTinyRelease({ sequence: 3, seed: 3 });
    device.fleet.spoil = (path) => {
      const sha256 = path.split("/").at(-1)!;
      const isLost = second.chunks.has(sha256) && !third.chunks.has(sha256);
      return isLost ? { status: 404, totalBytes: undefined, body: pieces([]) } : undefined;
    };
    device.fleet.publish(second);
    await device.clock.until(async () => (await device.agent.status()).updateState === "downloading");
    device.fleet.publish(third);
    await device.clock.until(async () => (await releaseNow()) === 3, 600_000);
    await device.clock.until(() => stateReports().length === 2);
    expect(stateReports()).toEqual(["committed/none/1", "committed/none/3"]);
    await stop();
    expect([...device.files.contents.keys()].filter((path) => path.startsWith("slots/2/"))).toEqual([]);
  });

  test("waits for room on a full disk", async () => {
    device.files.full = true;
    device.fleet.publish(second);
    await endsAs("failed", "diskFull");
    device.files.full = false;
    await device.clock.until(async () => (await releaseNow()) === 2);
    await stop();
  });

  test("that does not fit the disk's room is not downloaded, until there is room", async () => {
    const { downloadBytes } = sizesOf(second.release.files);
    const chunks = () => device.fleet.requests.filter(({ path }) => path.includes("/chunks/")).length;
    device.files.room = downloadBytes - 1;
    const before = chunks();
    device.fleet.publish(second);
    await endsAs("failed", "diskFull");
    expect(chunks()).toBe(before);
    device.files.room = downloadBytes;
    await device.clock.until(async () => (await releaseNow()) === 2);
    await stop();
  });

  test.each<[string, (fleet: FakeFleet) => void]>([
    ["to another device", (fleet) => (fleet.amendTarget = (target) => ({ ...target, device: "e".repeat(32) }))],
    ["to an earlier poll", (fleet) => (fleet.amendTarget = (target) => ({ ...target, sequence: target.sequence - 1 }))],
    ["under an older number", (fleet) => (fleet.amendTarget = (target) => ({ ...target, number: 1 }))],
    [
      "until a day long past",
      (fleet) => (fleet.amendTarget = (target) => ({ ...target, expiresAt: "2025-01-01T00:00:00.000Z" })),
    ],
    ["and somebody changes", (fleet) => (fleet.forgeAnswer = changeRelease)],
    [
      "and another key signs",
      (fleet) => (fleet.forgeAnswer = ({ payload }) => signTarget(payload as SignedTarget, createSigningKey())),
    ],
    ["and nobody signs", (fleet) => (fleet.forgeAnswer = ({ payload }) => ({ payload, signatures: [] }))],
  ])("that the server names %s is not begun", async (_how, spoil) => {
    spoil(device.fleet);
    device.fleet.publish(second);
    await device.clock.until(async () => (await device.agent.status()).lastError.server === "TARGET_REFUSED");
    await device.clock.sleep(86_400_000, new AbortController().signal);
    expect(device.fleet.requests.filter(({ path }) => path.includes(second.manifestSha256))).toEqual([]);
    device.fleet.amendTarget = undefined;
    device.fleet.forgeAnswer = undefined;
    await device.clock.until(async () => (await releaseNow()) === 2);
    await stop();
  });

  test("stays committed when what follows the commit fails", async () => {
    const { list } = device.files;
    const gating = device.entered("gating");
    device.fleet.publish(second);
    await gating;
    device.files.list = async () => {
      throw new AppError("DISK_FULL", "no space (by the test)");
    };
    await device.clock.until(() => device.logged.join().includes("update.unfinished"));
    device.files.list = list;
    await device.clock.until(() => stateReports().length === 2);
    expect(stateReports()).toEqual(["committed/none/1", "committed/none/2"]);
    expect((await device.agent.status()).updateState).toBe("committed");
    await stop();
  });

  test("is given up when the process dies of it three times in the same state", async () => {
    const { engine } = device.ports;
    const deadly = parseSafetensors(second.files.get("model.safetensors")!.slice());
    const name = "embeddings.word_embeddings.weight";
    Object.assign(device.ports, {
      engine: {
        ...engine,
        createEncoder: (...[config, tensors]: Parameters<typeof engine.createEncoder>) =>
          tensors.tensors.get(name)?.data[0] === deadly.tensors.get(name)?.data[0]
            ? { config, forward: () => device.faults.kill() }
            : engine.createEncoder(config, tensors),
      },
    });
    device.fleet.publish(second);
    for (let death = 0; death < 3; death++) {
      await device.clock.until(() => device.faults.dead);
      await stop();
      device.restart();
      stop = device.start();
    }
    await endsAs("failed", "loop");
    expect(await releaseNow()).toBe(1);
    await device.clock.until(() => stateReports().includes("failed/loop/1"));
    await stop();
  });

  test("that is stopped in an orderly way again and again is in no loop", async () => {
    device.fleet.spoil = (path, _, whole) =>
      path.includes("chunks")
        ? { status: 200, totalBytes: whole.length, body: pieces([], new Error("reset")) }
        : undefined;
    device.fleet.publish(second);
    await device.clock.until(async () => (await device.agent.status()).updateState === "downloading");
    for (let i = 0; i < 6; i++) await restart();
    device.fleet.spoil = undefined;
    await device.clock.until(async () => (await releaseNow()) === 2);
    await stop();
  });
});
