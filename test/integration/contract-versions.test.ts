// A server that takes several versions of the egress contract at once, tested with a version that only tests know.
import { randomBytes } from "node:crypto";
import { contractsWithMadeUp, madeUp } from "@attune/fakes/made-up-contract";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { createContracts, signedBytes } from "@attune/shared/contracts/egress";
import { createUser, type KeyPair } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askServer } from "../../apps/server/src/client/fleet-client.js";
import { servedContracts } from "../../apps/server/src/contract-window.js";
import {
  createFleet,
  createToken,
  enrolDevice,
  enrolMessage,
  openTarget,
  publishBytes,
  startTestServer,
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

type Signed = { type: string; contract: number };
/** Signed as the message's own version declares it. */
const sign = (key: KeyPair, message: Signed) => {
  const declaration = contracts.declaration(message.contract, message.type)!;
  return Buffer.from(key.sign(signedBytes(declaration, canonicalBytes(message)))).toString("base64");
};

async function enrolSpeaking(contract: number) {
  const key = createUser();
  const epoch = randomBytes(8).toString("hex");
  const message = { ...enrolMessage(await createToken(server, "home"), key, epoch), contract };
  const proof = sign(key, message);
  const reply = await askServer(server.access, (client) => client.device.enrol.mutate({ message, proof }));
  return { key, epoch, reply };
}

function pollMessage(device: string, epoch: string, sequence: number) {
  return {
    type: "poll",
    contract: madeUp,
    device,
    epoch,
    sequence,
    releaseSequence: 0,
    state: "idle",
    reason: "none",
  };
}

const storedOf = async (deviceId: string) =>
  (await server.database.report.findMany({ where: { deviceId }, orderBy: { sequence: "asc" } })).map(
    ({ body, sequence }) => ({ sequence, contract: (body as { contract: number }).contract }),
  );
const lettersOf = async (subjectDevice: string) =>
  (await server.database.deadLetter.findMany({ where: { subjectDevice } })).map(({ reason }) => reason);

test("each version enrols and polls by its own declaration and prefix", async () => {
  const { key, epoch, reply } = await enrolSpeaking(madeUp);
  expect(reply.egressContractVersion).toBe(madeUp);
  const message = pollMessage(reply.device, epoch, 1);
  const poll = (signature: string) =>
    askServer(server.access, (client) => client.device.poll.mutate({ version: 2, message, signature }));
  const underFirst = signedBytes(contracts.declaration(1, "poll")!, canonicalBytes(message));
  await expect(poll(Buffer.from(key.sign(underFirst)).toString("base64"))).rejects.toMatchObject({
    code: "UNAUTHORIZED",
  });
  expect(await openTarget(await poll(sign(key, message)), reply)).toMatchObject({ sequence: 1 });
  // Only the first agents polled without a prefix, and these speak the first version.
  const bare = { ...pollMessage(reply.device, epoch, 2) };
  const signature = Buffer.from(key.sign(canonicalBytes(bare))).toString("base64");
  await expect(
    askServer(server.access, (client) => client.device.poll.mutate({ message: bare, signature })),
  ).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect((await enrolSpeaking(1)).reply.egressContractVersion).toBe(1);
});

test("reports of both versions of one device are stored, each as it came, and one of an unknown version is a dead letter", async () => {
  const device = await enrolDevice(server, "home");
  const { trainTime: _dropped, ...newer } = { ...device.metrics(2), contract: madeUp, utterances: 50 };
  const connection = await device.connect();
  const reports = [device.metrics(1), newer, { ...device.metrics(3), contract: 99 }, device.metrics(4)];
  for (const report of reports) await publishBytes(connection, device, canonicalBytes(report));
  await eventually(async () => {
    expect(await storedOf(device.reply.device)).toEqual([
      { sequence: 1, contract: 1 },
      { sequence: 2, contract: madeUp },
      { sequence: 4, contract: 1 },
    ]);
  });
  // The server takes batches side by side.
  await eventually(async () => expect(await lettersOf(device.reply.device)).toEqual(["contractVersion"]));
  await connection.close();
});

test("a version that leaves the window is taken no more, and what it has stored stays", async () => {
  const device = await enrolDevice(server, "home");
  const first = await device.connect();
  await publishBytes(first, device, canonicalBytes(device.metrics(1)));
  await eventually(async () => expect(await storedOf(device.reply.device)).toHaveLength(1));
  await first.close();
  await server.restart({ contracts: servedContracts(contractsWithMadeUp, { oldest: madeUp, newest: madeUp }) });
  await expect(device.poll({ sequence: 2 })).rejects.toMatchObject({ code: "CONFLICT" });
  const connection = await device.connect();
  await publishBytes(connection, device, canonicalBytes(device.metrics(2)));
  await eventually(async () => expect(await lettersOf(device.reply.device)).toEqual(["contractVersion"]));
  expect(await storedOf(device.reply.device)).toEqual([{ sequence: 1, contract: 1 }]);
  await connection.close();
});
