// The agent as a whole over fake ports: from enrolment to reports, without a network, and what leaves it.

import { createDevice, type Device } from "@attune/fakes/device";
import { fakeDevice, fakeToken } from "@attune/fakes/fake-fleet";
import { createTinyRelease, privateWords, sayings } from "@attune/fakes/tiny-release";
import { entryCapacityBits } from "@attune/shared/contracts/audit";
import { describe, expect, test } from "vitest";

const committed = (device: Device) => async () => (await device.agent.status()).updateState === "committed";
const outboxEmpty = (device: Device) => async () => (await device.agent.status()).outbox.pending === 0;

async function withRelease(device: Device): Promise<() => Promise<void>> {
  device.fleet.publish(createTinyRelease());
  await device.enrol();
  const stop = device.start();
  await device.clock.until(committed(device));
  return stop;
}

describe("the agent", () => {
  test("enrols, takes its first release, predicts, learns from labels and reports", async () => {
    const device = createDevice();
    const stop = await withRelease(device);
    const { agent, fleet } = device;
    expect((await agent.predict({ text: "so happy !" })).head).toBe("prior");
    for (const said of sayings(140, 1)) await agent.label(said);
    const learned = await agent.learn({ report: true });
    expect(learned.holdout).toBeGreaterThan(15);
    expect(learned.f1Personal!).toBeGreaterThan(learned.f1Prior!);
    expect((await agent.predict({ text: "the blimey is" })).head).toBe("personal");
    await device.clock.until(outboxEmpty(device));
    const types = [...fleet.received.values()].map((body) => JSON.parse(body).type).sort();
    expect(types).toEqual(["report.metrics", "report.metrics", "report.metrics", "report.state"]);
    await stop();
  });

  test.each(["elm", "oselm"] as const)("learns with an %s head where the release asks for it", async (kind) => {
    const device = createDevice();
    const recipe = { kind, hidden: 64, l2: 0.1 } as const;
    device.fleet.publish(createTinyRelease({ amend: (release) => ({ ...release, headRecipe: recipe }) }));
    await device.enrol();
    const stop = device.start();
    await device.clock.until(committed(device));
    for (const said of sayings(140, 1)) await device.agent.label(said);
    const learned = await device.agent.learn();
    expect(learned).toMatchObject({ head: "personal" });
    expect(learned.f1Personal!).toBeGreaterThan(learned.f1Prior!);
    const before = await device.agent.predict({ text: "the blimey" });
    await stop();
    device.restart();
    expect((await device.agent.predict({ text: "the blimey" })).probabilities).toEqual(before.probabilities);
  });

  test("learns anew what it knew when its engine has changed", async () => {
    const device = createDevice();
    const stop = await withRelease(device);
    for (const said of sayings(60, 1)) await device.agent.label(said);
    const learned = await device.agent.learn();
    await stop();
    Object.assign(device.ports, { engine: { ...device.ports.engine, name: "wasm" } });
    device.restart();
    // The agent answers with the prior head at once, and learns in the background.
    expect((await device.agent.status()).head.active).toBe("prior");
    await device.clock.until(async () => (await device.agent.status()).head.active === "personal");
    expect(await device.agent.status()).toMatchObject({
      engine: { name: "wasm" },
      f1Personal: learned.f1Personal,
      head: { active: "personal" },
    });
  });

  test("starts again with the head it had", async () => {
    const device = createDevice();
    const stop = await withRelease(device);
    for (const said of sayings(60, 1)) await device.agent.label(said);
    const learned = await device.agent.learn();
    const before = await device.agent.predict({ text: "the blimey is" });
    await stop();
    device.restart();
    expect((await device.agent.predict({ text: "the blimey is" })).probabilities).toEqual(before.probabilities);
    expect(await device.agent.status()).toMatchObject({
      f1Prior: learned.f1Prior,
      f1Personal: learned.f1Personal,
      head: { kind: "linear", active: "personal" },
      updateState: "committed",
      device: fakeDevice,
    });
  });

  test("answers and learns through days without server and broker, and then catches up", async () => {
    const device = createDevice();
    const stop = await withRelease(device);
    device.fleet.online = false;
    device.fleet.brokerUp = false;
    for (const said of sayings(120, 1)) await device.agent.label({ ...said, split: "train" });
    // The connection that is open fails at the next publication.
    await device.clock.sleep(3 * 86_400_000, new AbortController().signal);
    const offline = await device.agent.status();
    expect(offline).toMatchObject({
      connected: { server: false, nats: false },
      lastError: { server: "SERVER_UNAVAILABLE", nats: "NATS_UNAVAILABLE" },
    });
    expect((await device.agent.predict({ text: "the blimey" })).head).toBe("personal");
    device.fleet.online = true;
    device.fleet.brokerUp = true;
    await device.clock.until(outboxEmpty(device));
    await device.clock.until(async () => (await device.agent.status()).connected.server);
    expect(device.fleet.received.size).toBe(3);
    await stop();
  });

  test("does not mind a wall clock that jumps by ten years, either way", async () => {
    const device = createDevice();
    await device.enrol();
    const stop = device.start();
    device.clock.setWall(Date.UTC(2016, 0, 1));
    device.fleet.publish(createTinyRelease());
    await device.clock.until(committed(device));
    device.clock.setWall(Date.UTC(2036, 0, 1));
    // Everything has expired by this clock, which is ten years ahead.
    device.fleet.publish(createTinyRelease({ sequence: 2, seed: 2 }));
    await device.clock.until(async () => (await device.agent.status()).lastError.server === "TARGET_REFUSED");
    expect(await device.agent.status()).toMatchObject({
      target: { release: 2, stale: true },
      release: { sequence: 1, expired: true },
      updateState: "committed",
    });
    device.clock.setWall(Date.UTC(2026, 10, 23));
    await device.clock.until(async () => (await device.agent.status()).release?.sequence === 2);
    expect(await device.agent.status()).toMatchObject({ target: { stale: false }, release: { expired: false } });
    await stop();
  });
});

describe("enrolment", () => {
  test("may be repeated with the same token, and with no other", async () => {
    const device = createDevice();
    const first = await device.agent.enrol({ token: fakeToken });
    expect(first).toMatchObject({ device: fakeDevice, fleet: "home" });
    device.restart();
    expect(await device.agent.enrol({ token: fakeToken })).toEqual(first);
    const other = fakeToken.replace(/5{48}$/, "6".repeat(48));
    await expect(device.agent.enrol({ token: other })).rejects.toMatchObject({ code: "ALREADY_ENROLLED" });
  });

  test("refuses a malformed token, and a server whose release keys the token does not name", async () => {
    const device = createDevice();
    await expect(device.agent.enrol({ token: "attune1.x.y" })).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect(device.fleet.wire).toEqual([]);
    const forged = `attune1.${"0".repeat(64)}.${"5".repeat(48)}`;
    await expect(device.agent.enrol({ token: forged })).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect((await device.agent.status()).device).toBeNull();
  });

  test("says when there is no server, and works later", async () => {
    const device = createDevice();
    device.fleet.online = false;
    await expect(device.enrol()).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE" });
    device.fleet.online = true;
    await device.enrol();
    expect((await device.agent.status()).device).toBe(fakeDevice);
  });
});

describe("what leaves", () => {
  /** Two lives differ in nothing but the words. */
  async function live(words: readonly string[]): Promise<Device> {
    const device = createDevice();
    const stop = await withRelease(device);
    for (const [i, said] of sayings(60, 1).entries()) {
      const text = `${words[i % words.length]} ${words[(i * 3 + 1) % words.length]}`;
      await device.agent.predict({ text });
      await device.agent.label({ id: said.id, text, label: said.label, split: i < 15 ? "holdout" : "train" });
    }
    await device.agent.learn({ report: true });
    await device.agent.forget("u0050");
    await device.agent.report();
    await device.clock.until(outboxEmpty(device));
    await stop();
    return device;
  }

  test("is the same, byte for byte, whatever was said", async () => {
    const quiet = await live(["the", "table", "is", "a", "door"]);
    const loud = await live([...privateWords, "a much longer utterance with many more words than any other"]);
    const reports = (device: Device) => [...device.fleet.received];
    expect(reports(loud)).toEqual(reports(quiet));
    expect(loud.fleet.wire).toEqual(quiet.fleet.wire);
  });

  test("cannot be denied by cutting the journal's end off or exchanging it", async () => {
    const device = await live(["so", "happy"]);
    const key = [...device.store.contents.keys()].filter((name) => name.startsWith("journal/")).at(-1)!;
    const last = device.store.contents.get(key)!;
    for (const forged of [undefined, last.slice(1)]) {
      if (forged === undefined) device.store.contents.delete(key);
      else device.store.contents.set(key, forged);
      device.restart();
      await expect(device.agent.status()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    }
    device.store.contents.set(key, last);
    device.restart();
    expect((await device.agent.status()).device).toBe(fakeDevice);
  });

  test("is what the journal says, and the status counts it", async () => {
    const device = await live(["so", "happy"]);
    const entries = await device.agent.journal();
    expect(entries.length).toBe(device.fleet.wire.length);
    const { sent, capacityBits } = await device.agent.status();
    expect(sent.messages).toBe(entries.length);
    expect(sent.bytes).toBe(device.fleet.wire.reduce((sum, text) => sum + text.length, 0));
    expect(capacityBits).toBeCloseTo(entries.reduce((sum, entry) => sum + entryCapacityBits(entry), 0));
    expect(await device.agent.journal({ after: 2, limit: 2 })).toEqual(entries.slice(3, 5));
  });
});
