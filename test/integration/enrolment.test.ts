// Enrolment, polls and revocation on a real server, as a device and as the fleet manager.
import { createUser } from "@nats-io/nkeys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askServer } from "../../apps/server/src/client/fleet-client.js";
import {
  createFleet,
  createToken,
  enrolDevice,
  enrolMessage,
  signPoll,
  startTestServer,
  type TestServer,
} from "./harness.js";
import { eventually } from "./temporary-home.js";

const epoch = "0123456789abcdef";
let server: TestServer;
let clockOffsetMs = 0;

beforeAll(async () => {
  server = await startTestServer({ now: () => Date.now() + clockOffsetMs });
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

const enrol = (message: unknown) => askServer(server.access, (client) => client.device.enrol.mutate({ message }));

describe("enrolment", () => {
  test("answers the same device again when the reply was lost, and counts one device", async () => {
    const message = enrolMessage(await createToken(server, "home"), createUser(), epoch);
    const before = await server.database.device.count();
    const replies = await Promise.all([enrol(message), enrol(message), enrol(message)]);
    const late = await enrol(message);
    expect(new Set([...replies, late].map((reply) => reply.device)).size).toBe(1);
    expect(late.releaseKeys).toEqual(replies[0]?.releaseKeys);
    expect(await server.database.device.count()).toBe(before + 1);
  });

  test("refuses a used token to another key, also when both come at once", async () => {
    const token = await createToken(server, "home");
    const results = await Promise.allSettled([1, 2, 3].map(() => enrol(enrolMessage(token, createUser(), epoch))));
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(2);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "TOKEN_USED" });
  });

  test("refuses an expired token, and keeps refusing it", async () => {
    const message = enrolMessage(await createToken(server, "home", 60_000), createUser(), epoch);
    clockOffsetMs = 61_000;
    try {
      await expect(enrol(message)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    } finally {
      clockOffsetMs = 0;
    }
  });

  test("refuses a token that nobody gave out, a key with a wrong checksum, and fields outside the contract", async () => {
    const unknown = `attune1.${"a".repeat(64)}.${"b".repeat(48)}`;
    await expect(enrol(enrolMessage(unknown, createUser(), epoch))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    const message = enrolMessage(await createToken(server, "home"), createUser(), epoch);
    const nkey = `U${"A".repeat(55)}`;
    await expect(enrol({ ...message, nkey })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("nkey"),
    });
    const odd = enrol({ ...message, note: "quokkaparade" });
    await expect(odd).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(odd).rejects.not.toThrow("quokkaparade");
    await expect(enrol(message)).resolves.toMatchObject({ fleet: "home" });
  });

  test("keeps of a token only its hash", async () => {
    const token = await createToken(server, "home");
    const rows = JSON.stringify(await server.database.enrolmentToken.findMany());
    expect(rows).not.toContain(token.split(".")[2]);
  });

  test("gives tokens to the fleet manager only, and for fleets that exist", async () => {
    const stranger = { ...server.access, adminToken: "guess" };
    const asStranger = askServer(stranger, (client) => client.token.create.mutate({ fleet: "home", ttlMs: 60_000 }));
    await expect(asStranger).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(createToken(server, "nowhere")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(createToken(server, "home", 1)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe("polls", () => {
  test("are recorded in the order of their sequence, whatever order they arrive in", async () => {
    const device = await enrolDevice(server, "home");
    await device.poll({ sequence: 1, state: "downloading", releaseSequence: 0 });
    await device.poll({ sequence: 3, state: "committed", releaseSequence: 2 });
    await device.poll({ sequence: 2, state: "gating", releaseSequence: 0 });
    await device.poll({ sequence: 3, state: "failed", releaseSequence: 0 });
    const row = await server.database.device.findUnique({ where: { id: device.reply.device } });
    expect(row).toMatchObject({ pollSequence: 3, state: "committed", releaseSequence: 2 });
  });

  test("recorded and replayed do not bring a silent device back to life", async () => {
    const device = await enrolDevice(server, "home");
    await device.poll({ sequence: 1 });
    const lastSeen = async () =>
      (await server.database.device.findUnique({ where: { id: device.reply.device } }))?.lastSeenAt;
    const seen = await lastSeen();
    clockOffsetMs = 86_400_000;
    try {
      await device.poll({ sequence: 1 });
      expect(await lastSeen()).toEqual(seen);
      await device.poll({ sequence: 2 });
      expect(await lastSeen()).not.toEqual(seen);
    } finally {
      clockOffsetMs = 0;
    }
  });

  test("without a rollout there is no target, and the credentials stay the same from poll to poll", async () => {
    const device = await enrolDevice(server, "home");
    const first = await device.poll({ sequence: 1 });
    const second = await device.poll({ sequence: 2 });
    expect(first.release).toBeNull();
    expect(second.nats.userJwt).toBe(first.nats.userJwt);
    clockOffsetMs = 16 * 86_400_000;
    try {
      expect((await device.poll({ sequence: 3 })).nats.userJwt).not.toBe(first.nats.userJwt);
    } finally {
      clockOffsetMs = 0;
    }
  });

  test("of a stranger, a forger and another copy of the store are refused", async () => {
    const device = await enrolDevice(server, "home");
    const { device: id } = device.reply;
    const poll = {
      type: "poll",
      contract: 1,
      device: id,
      epoch: device.epoch,
      sequence: 1,
      releaseSequence: 0,
      state: "idle",
      reason: "none",
    } as const;
    const send = (signed: ReturnType<typeof signPoll>) =>
      askServer(server.access, (client) => client.device.poll.mutate(signed));
    await expect(send(signPoll(createUser(), poll))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(
      send({ ...signPoll(device.key, poll), message: { ...poll, state: "committed" } }),
    ).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(send(signPoll(device.key, { ...poll, device: "f".repeat(32) }))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
    await expect(send(signPoll(device.key, { ...poll, epoch: "f".repeat(16) }))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
    await expect(send(signPoll(device.key, poll))).resolves.toMatchObject({ device: id });
  });
});

test("revoking drops the live connection and refuses polls and enrolment from then on", async () => {
  const device = await enrolDevice(server, "home");
  const connection = await device.connect();
  const { device: id } = device.reply;
  const result = await askServer(server.access, (client) => client.device.revoke.mutate({ device: id }));
  expect(result).toEqual({ device: id, dropped: true });
  await eventually(async () => {
    const dropped =
      connection.isClosed() ||
      (await connection.flush().then(
        () => false,
        () => true,
      ));
    expect(dropped).toBe(true);
  });
  await connection.close().catch(() => undefined);
  await expect(device.poll()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  const devices = await askServer(server.access, (client) => client.device.list.query({ fleet: "home" }));
  expect(devices.find((row) => row.id === id)?.revokedAt).not.toBeNull();
});
