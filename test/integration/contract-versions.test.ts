// A server that takes several versions of the egress contract at once: those of the product, and a version
// that only tests know.

import { contractsWithMadeUp, madeUp } from "@attune/fakes/made-up-contract";
import { askServer } from "@attune/server/client/fleet-client";
import { servedContracts } from "@attune/server/contract-window";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { createContracts, demoContract, signedBytes, wireBody } from "@attune/shared/contracts/egress";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createFleet,
  declarationOf,
  enrolDevice,
  openTarget,
  publishBytes,
  publishReport,
  signPoll,
  startTestServer,
  type TestDevice,
  type TestServer,
} from "./harness.js";
import { eventually } from "./temporary-home.js";

const contracts = createContracts(contractsWithMadeUp);
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ contracts });
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

const storedOf = async ({ reply }: TestDevice) =>
  (await server.database.report.findMany({ where: { deviceId: reply.device }, orderBy: { sequence: "asc" } })).map(
    ({ body, sequence }) => ({ sequence, contract: (body as { contract: number }).contract }),
  );
const refusedOf = async ({ reply }: TestDevice) =>
  (await server.database.deadLetter.findMany({ where: { subjectDevice: reply.device } })).map(({ reason }) => reason);
const shown = async ({ reply }: TestDevice) => {
  const device = await server.database.device.findUniqueOrThrow({ where: { id: reply.device } });
  const { deviceKind, engine, memory, state, reason, releaseSequence } = device;
  return { deviceKind, engine, memory, state, reason, releaseSequence };
};
const slot = (device: TestDevice, sequence: number, fields = {}) =>
  device.say("report.slot", {
    ...{ sequence, releaseSequence: 1, slot: sequence, rightPrior: 20, rightAnswering: 26, ...fields },
  });

describe.each([1, 2, madeUp])("version %i", (contract) => {
  test("enrols and polls by its own declaration and prefix", async () => {
    const device = await enrolDevice(server, "home", { contract });
    expect(device.reply.egressContractVersion).toBe(contract);
    expect(await device.poll({ state: "testing" })).toMatchObject({ sequence: 1 });
    expect(await shown(device)).toMatchObject({ deviceKind: "linux", engine: "reference", state: "testing" });
  });

  test("signs its polls under its own prefix alone; only the first agents, of the first version, had none", async () => {
    const device = await enrolDevice(server, "home", { contract });
    const message = device.say("poll", { releaseSequence: 0, state: "idle", reason: "none" });
    const poll = (signed: Uint8Array, form: { version?: 2 }) => {
      const signature = Buffer.from(device.key.sign(signed)).toString("base64");
      return askServer(server.access, (client) => client.device.poll.mutate({ ...form, message, signature } as never));
    };
    const otherVersion = contract === madeUp ? 1 : madeUp;
    const foreign = signedBytes(declarationOf({ ...message, contract: otherVersion }), canonicalBytes(message));
    const refusal = { code: "UNAUTHORIZED" };
    await expect(poll(foreign, { version: 2 })).rejects.toMatchObject(refusal);
    // The device has enrolled under a prefix, so a bare poll of it is refused in every version.
    await expect(poll(canonicalBytes(message), {})).rejects.toMatchObject(refusal);
    const answer = await askServer(server.access, (client) => client.device.poll.mutate(signPoll(device.key, message)));
    expect(await openTarget(answer, device.reply)).toMatchObject({ sequence: 1 });
  });
});

describe("version 2", () => {
  test("stores a report of each type, padded or not, as it came", async () => {
    const device = await enrolDevice(server, "home", { contract: 2 });
    const connection = await device.connect();
    const common = { releaseSequence: 1, engine: "wasm" };
    const said = [
      device.say("report.device", { ...common, sequence: 1, predictP50: 250, predictP90: 500 }),
      device.say("report.state", { releaseSequence: 1, sequence: 2, state: "failed", reason: "network" }),
      slot(device, 3),
      slot(device, 4, { rightPrior: null, rightAnswering: null }),
      device.say("report.verdict", { releaseSequence: 1, sequence: 5, verdict: "better" }),
    ];
    for (const message of said) await publishReport(connection, device, message);
    await eventually(async () => expect(await storedOf(device)).toHaveLength(5));
    const rows = await server.database.report.findMany({
      where: { deviceId: device.reply.device },
      orderBy: { sequence: "asc" },
    });
    expect(rows.map(({ body }) => body)).toEqual(said);
    const lengths = said.map((message) => wireBody(declarationOf(message), message).length);
    expect(rows.map(({ sizeBytes }) => sizeBytes)).toEqual(lengths);
    expect(lengths.slice(2)).toEqual([384, 384, 320]);
    await connection.close();
  });

  test("takes devices without the fields whose last day is over, and stores words that say so", async () => {
    const ended = { deviceKind: undefined, engine: undefined, memory: undefined };
    const device = await enrolDevice(server, "home", { contract: 2, ...ended });
    expect(await shown(device)).toMatchObject({ deviceKind: "unknown", engine: "unknown", memory: 0, state: "idle" });
    const poll = { releaseSequence: 7, state: undefined, reason: undefined } as never;
    expect(await device.poll(poll)).toMatchObject({ sequence: 1 });
    expect(await shown(device)).toMatchObject({ releaseSequence: 7, state: "unknown", reason: "unknown" });
    const connection = await device.connect();
    for (const [i, type] of ["report.device", "report.state", "report.slot", "report.verdict"].entries()) {
      await publishReport(
        connection,
        device,
        device.say(type, { releaseSequence: 7, sequence: i + 1, ...(i === 2 ? { slot: 1 } : {}) }),
      );
    }
    await eventually(async () => expect(await storedOf(device)).toHaveLength(4));
    await connection.close();
  });

  test("is not version 1: a field of the other version is a dead letter", async () => {
    const device = await enrolDevice(server, "home", { contract: 2 });
    const connection = await device.connect();
    await publishBytes(connection, device, canonicalBytes({ ...device.metrics(1), contract: 2 }));
    await publishBytes(connection, device, canonicalBytes(slot(device, 1)));
    await eventually(async () => expect((await refusedOf(device)).sort()).toEqual(["contract", "notCanonical"]));
    await connection.close();
  });
});

test("reports of three versions of one device are stored, each as it came, and those of unknown versions are dead letters", async () => {
  const device = await enrolDevice(server, "home");
  const { trainTime: _dropped, ...newer } = { ...device.metrics(3), contract: madeUp, utterances: 50 };
  const connection = await device.connect();
  const reports = [
    device.metrics(1),
    { ...slot(device, 2), contract: 2 },
    newer,
    device.metrics(4),
    { ...device.metrics(5), contract: 99 },
  ];
  for (const report of reports.slice(0, 4)) await publishReport(connection, device, report);
  await publishBytes(connection, device, canonicalBytes(reports[4]));
  // Demonstrations have a version of their own, which no other server takes.
  const demonstrated = { ...slot(device, 6), contract: demoContract };
  await publishBytes(connection, device, new TextEncoder().encode(wireBody(declarationOf(demonstrated), demonstrated)));
  await eventually(async () => {
    expect(await storedOf(device)).toEqual([
      { sequence: 1, contract: 1 },
      { sequence: 2, contract: 2 },
      { sequence: 3, contract: madeUp },
      { sequence: 4, contract: 1 },
    ]);
  });
  // The server takes batches side by side.
  await eventually(async () => expect(await refusedOf(device)).toEqual(["contractVersion", "contractVersion"]));
  await connection.close();
});

test("a version that leaves the window is taken no more, and what it has stored stays", async () => {
  const device = await enrolDevice(server, "home");
  const first = await device.connect();
  await publishBytes(first, device, canonicalBytes(device.metrics(1)));
  await eventually(async () => expect(await storedOf(device)).toHaveLength(1));
  await first.close();
  await server.restart({ contracts: servedContracts(contractsWithMadeUp, { oldest: madeUp, newest: madeUp }) });
  await expect(device.poll({ sequence: 2 })).rejects.toMatchObject({ code: "CONFLICT" });
  const connection = await device.connect();
  await publishBytes(connection, device, canonicalBytes(device.metrics(2)));
  await eventually(async () => expect(await refusedOf(device)).toEqual(["contractVersion"]));
  expect(await storedOf(device)).toEqual([{ sequence: 1, contract: 1 }]);
  await connection.close();
});
