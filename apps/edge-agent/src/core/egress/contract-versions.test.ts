// The version of the egress contract that a device speaks, shown with a version that only tests know.

import { createDevice, type Device } from "@attune/fakes/device";
import { contractsWithMadeUp, madeUp } from "@attune/fakes/made-up-contract";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import { createContracts, egressContracts, firstContract } from "@attune/shared/contracts/egress";
import { domainSizes, type EgressContracts } from "@attune/shared/contracts/egress-declaration";
import { judgeReport } from "@attune/shared/contracts/report";
import { describe, expect, test } from "vitest";
import { spokenContract } from "./consent.js";

const contracts = createContracts(contractsWithMadeUp);
/** Two versions without a bound, of which the later needs a consent. */
const unbounded = { 1: contractsWithMadeUp[1]!, [madeUp]: contractsWithMadeUp[madeUp]! };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A device that runs a release which allows the version, and whose reports wait for the broker. */
async function liveWith(
  contract: number,
  known: EgressContracts = unbounded,
): Promise<{ device: Device; stop: () => Promise<void> }> {
  const device = createDevice({ contracts: known });
  device.fleet.brokerUp = false;
  const amend = (release: object) => ({ ...release, egressContractVersion: contract }) as never;
  device.fleet.publish(createTinyRelease({ amend }));
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  return { device, stop };
}

function queued(device: Device): string[] {
  return [...device.store.contents]
    .filter(([key]) => key.startsWith("outbox/"))
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([, bytes]) => text(bytes));
}

const versionsOf = (bodies: readonly string[]) => bodies.map((body) => JSON.parse(body).contract);

describe("a device", () => {
  test("speaks the newest version that agent, person and release all allow", () => {
    const speaks = (agreed: number, release: number | undefined) => spokenContract({ contracts, agreed, release });
    expect(madeUp).toBe(3);
    expect(speaks(3, 3)).toBe(3);
    expect(speaks(3, 2)).toBe(2);
    expect(speaks(2, 3)).toBe(2);
    expect(speaks(3, 1)).toBe(1);
    expect(speaks(3, undefined)).toBe(firstContract);
    expect(spokenContract({ contracts: createContracts({ 1: unbounded[1] }), agreed: 2, release: 2 })).toBe(1);
  });

  test("needs no consent to a version that says less", () => {
    expect(spokenContract({ contracts, agreed: 1, release: 2 })).toBe(2);
    expect(spokenContract({ contracts, agreed: 1, release: 3 })).toBe(2);
  });

  test("keeps the first version until the person agrees to the next, and keeps the consent", async () => {
    const { device, stop } = await liveWith(madeUp);
    expect((await device.agent.status()).contract).toEqual({ spoken: 1, agreed: 1 });
    expect(await device.agent.agree({ contract: madeUp })).toEqual({ spoken: madeUp, agreed: madeUp });
    await stop();
    device.restart();
    expect((await device.agent.status()).contract).toEqual({ spoken: madeUp, agreed: madeUp });
    expect(await device.agent.agree({ contract: 1 })).toEqual({ spoken: 1, agreed: 1 });
    await expect(device.agent.agree({ contract: 99 })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  test("speaks the version of its first release as soon as it believes the manifest", async () => {
    const { device, stop } = await liveWith(2, egressContracts);
    await stop();
    const journal = await device.agent.journal();
    const [manifest, ...chunks] = journal.filter(({ type }) => type === "download").map(({ message }) => message);
    expect(manifest).toMatchObject({ what: "manifests", contract: firstContract });
    expect(chunks.length).toBeGreaterThan(0);
    expect(new Set(chunks.map(({ contract }) => contract))).toEqual(new Set([2]));
    expect(journal.find(({ type }) => type === "report.state")).toMatchObject({
      message: { contract: 2, releaseSequence: 1, state: "committed" },
    });
  });

  test("keeps the first version while its release is published for that", async () => {
    const { device, stop } = await liveWith(1);
    expect(await device.agent.agree({ contract: madeUp })).toEqual({ spoken: 1, agreed: madeUp });
    await stop();
  });

  test("sends what was queued in an older version byte for byte, before what it says in the newer", async () => {
    const { device, stop } = await liveWith(madeUp);
    for (const said of sayings(30, 1)) await device.agent.label(said);
    await device.agent.report();
    await device.agent.agree({ contract: madeUp });
    await device.agent.report();
    const waiting = queued(device);
    expect(versionsOf(waiting)).toEqual([1, 1, madeUp]);
    expect(JSON.parse(waiting[1]!)).toHaveProperty("trainTime");
    expect(JSON.parse(waiting[2]!)).not.toHaveProperty("trainTime");
    const polls = device.fleet.polls.length;
    device.fleet.brokerUp = true;
    await device.clock.until(async () => (await device.agent.status()).outbox.pending === 0);
    await device.clock.until(() => device.fleet.polls.length > polls + 1);
    await stop();
    expect([...device.fleet.received.values()]).toEqual(waiting);
    for (const body of waiting) expect(judgeReport(contracts, JSON.parse(body)).ok).toBe(true);
    expect(device.fleet.polls.at(-1)!.message.contract).toBe(madeUp);
    for (const entry of await device.agent.journal()) {
      const declaration = contracts.declaration(Number(entry.message.contract), entry.type)!;
      expect(entry).toMatchObject({ version: 2, domainSizes: domainSizes(declaration) });
    }
  });

  test("gives reports that waited for their numbers the version in which they were made", async () => {
    const { device, stop } = await liveWith(madeUp);
    await stop();
    device.restart();
    await device.agent.report();
    await device.agent.agree({ contract: madeUp });
    await device.agent.report();
    device.fleet.brokerUp = true;
    const going = device.start();
    await device.clock.until(async () => (await device.agent.status()).outbox.pending === 0);
    await going();
    expect(versionsOf([...device.fleet.received.values()])).toEqual([1, 1, madeUp]);
  });
});
