// Enrolment, polls and revocation on a real server, from the side of a device and of the fleet manager.

import { createHash, randomBytes } from "node:crypto";
import { askServer } from "@attune/server/client/fleet-client";
import { revocationLimit } from "@attune/server/platform/nats/devices-account";
import { withNativeSigning } from "@attune/server/platform/nats/nkey-signatures";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { Message } from "@attune/shared/contracts/egress";
import type { SignedEnrolment } from "@attune/shared/contracts/enrolment";
import { type Poll, targetStateSchema } from "@attune/shared/contracts/target-state";
import { createUser, type KeyPair } from "@nats-io/nkeys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createFleet,
  createToken,
  enrolDevice,
  enrolMessage,
  publishReport,
  signBarePoll,
  signEnrolment,
  signPoll,
  startTestServer,
  type TestDevice,
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

const send = (enrolment: SignedEnrolment) =>
  askServer(server.access, (client) => client.device.enrol.mutate(enrolment));
const enrol = (message: Message<"enrol", 1>, key: KeyPair) => send(signEnrolment(key, message));

describe("enrolment", () => {
  test("answers the same device again when the reply was lost, and counts one device", async () => {
    const key = createUser();
    const message = enrolMessage(await createToken(server, "home"), key, epoch);
    const before = await server.database.device.count();
    const replies = await Promise.all([enrol(message, key), enrol(message, key), enrol(message, key)]);
    const late = await enrol(message, key);
    expect(new Set([...replies, late].map((reply) => reply.device)).size).toBe(1);
    expect(late.releaseKeys).toEqual(replies[0]?.releaseKeys);
    expect(await server.database.device.count()).toBe(before + 1);
  });

  test("refuses a used token to another key, also when both come at once", async () => {
    const token = await createToken(server, "home");
    const keys = [createUser(), createUser(), createUser()];
    const results = await Promise.allSettled(keys.map((key) => enrol(enrolMessage(token, key, epoch), key)));
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(2);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "TOKEN_USED" });
  });

  test("gives one key one device, also when it comes with several tokens at once", async () => {
    const key = createUser();
    const tokens = await Promise.all([1, 2, 3, 4].map(() => createToken(server, "home")));
    const results = await Promise.allSettled(tokens.map((token) => enrol(enrolMessage(token, key, epoch), key)));
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(3);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "CONFLICT" });
  });

  test("wants the key's own signature over the token and the key, and spends no token without it", async () => {
    const key = createUser();
    const message = enrolMessage(await createToken(server, "home"), key, epoch);
    const other = enrolMessage(await createToken(server, "home"), key, epoch);
    await expect(send({ message })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("update"),
    });
    const bare = Buffer.from(key.sign(canonicalBytes(message))).toString("base64");
    const forgeries = [signEnrolment(createUser(), message).proof, signEnrolment(key, other).proof, bare];
    for (const proof of forgeries) {
      await expect(send({ message, proof })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    }
    await expect(enrol(message, key)).resolves.toMatchObject({ fleet: "home" });
  });

  test("refuses an expired token, and keeps refusing it", async () => {
    const key = createUser();
    const message = enrolMessage(await createToken(server, "home", 60_000), key, epoch);
    clockOffsetMs = 61_000;
    try {
      await expect(enrol(message, key)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    } finally {
      clockOffsetMs = 0;
    }
  });

  test("refuses a token that nobody gave out, a key with a wrong checksum, and fields outside the contract", async () => {
    const unknown = `attune1.${"a".repeat(64)}.${"b".repeat(48)}`;
    const key = createUser();
    await expect(enrol(enrolMessage(unknown, key, epoch), key)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    const message = enrolMessage(await createToken(server, "home"), key, epoch);
    const nkey = `U${"A".repeat(55)}`;
    await expect(enrol({ ...message, nkey }, key)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("nkey"),
    });
    const odd = enrol({ ...message, note: "quokkaparade" } as typeof message, key);
    await expect(odd).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(odd).rejects.not.toThrow("quokkaparade");
    await expect(enrol(message, key)).resolves.toMatchObject({ fleet: "home" });
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

const ask = (poll: Poll) => askServer(server.access, (client) => client.device.poll.mutate(poll));
const pollOf = ({ reply, epoch: current }: TestDevice): Message<"poll", 1> => ({
  type: "poll",
  contract: 1,
  device: reply.device,
  epoch: current,
  sequence: 1,
  releaseSequence: 0,
  state: "idle",
  reason: "none",
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

  test("of a stranger and of a forger are refused", async () => {
    const device = await enrolDevice(server, "home");
    const poll = pollOf(device);
    await expect(ask(signPoll(createUser(), poll))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(
      ask({ ...signPoll(device.key, poll), message: { ...poll, state: "committed" } }),
    ).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(ask(signPoll(device.key, { ...poll, device: "f".repeat(32) }))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
    await expect(device.poll()).resolves.toMatchObject({ device: poll.device });
  });

  test("without a prefix are those of devices from before there was one, until their first with it", async () => {
    const device = await enrolDevice(server, "home");
    const { device: id } = device.reply;
    const bare = (fields: Partial<Message<"poll", 1>>) =>
      ask(signBarePoll(device.key, { ...pollOf(device), ...fields }));
    await expect(bare({ sequence: 1 })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await server.database.device.update({ where: { id }, data: { prefixedPolls: false } });
    const answer = targetStateSchema.parse(await bare({ sequence: 1, state: "downloading" }));
    expect(answer).toMatchObject({ version: 1, device: id, release: null });
    await expect(bare({ sequence: 2, epoch: "f".repeat(16) })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(bare({ sequence: 2_147_483_647 })).rejects.toMatchObject({ code: "CONFLICT" });
    await device.poll({ sequence: 2, state: "committed" });
    await expect(bare({ sequence: 3, state: "failed" })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    const row = await server.database.device.findUnique({ where: { id } });
    expect(row).toMatchObject({ pollSequence: 2, state: "committed", prefixedPolls: true });
  });

  test("are answered with a target that the release keys have signed for that poll, with growing numbers", async () => {
    const device = await enrolDevice(server, "home");
    const first = await device.poll({ sequence: 1 });
    expect(first).toMatchObject({ device: device.reply.device, epoch: device.epoch, sequence: 1, beginEpoch: false });
    expect(Date.parse(first.expiresAt)).toBeGreaterThan(Date.parse(first.issuedAt));
    clockOffsetMs = -10 * 365 * 86_400_000;
    try {
      const second = await device.poll({ sequence: 2 });
      expect(second.number).toBeGreaterThan(first.number);
      expect(Date.parse(second.issuedAt)).toBeLessThan(Date.parse(first.issuedAt));
    } finally {
      clockOffsetMs = 0;
    }
  });

  test("that are behind, or ahead of what a device can have polled, change nothing and are answered with a new epoch", async () => {
    const device = await enrolDevice(server, "home");
    const { device: id } = device.reply;
    await device.poll({ sequence: 40, state: "committed", releaseSequence: 3 });
    for (const sequence of [40, 39, 1, 2_147_483_647]) {
      expect(await device.poll({ sequence, state: "failed" })).toMatchObject({ beginEpoch: true, sequence });
    }
    const row = await server.database.device.findUnique({ where: { id } });
    expect(row).toMatchObject({ pollSequence: 40, state: "committed", releaseSequence: 3, epoch: device.epoch });
  });

  test("under a new epoch are believed from then on, and those under the old one no more", async () => {
    const device = await enrolDevice(server, "home");
    const { device: id } = device.reply;
    const next = "fedcba9876543210";
    await device.poll({ sequence: 9 });
    expect(await device.poll({ epoch: next, sequence: 1, state: "committed" })).toMatchObject({ beginEpoch: false });
    expect(await device.poll({ sequence: 10, state: "failed" })).toMatchObject({ beginEpoch: true });
    const row = await server.database.device.findUnique({ where: { id }, include: { epochs: true } });
    expect(row).toMatchObject({ epoch: next, pollSequence: 1, state: "committed" });
    expect(row?.epochs.map((entry) => entry.epoch).sort()).toEqual([device.epoch, next].sort());
  });

  test("of two copies that take turns beginning epochs are refused before long, and believed a day later", async () => {
    const device = await enrolDevice(server, "home");
    const begin = (i: number) => device.poll({ epoch: i.toString(16).padStart(16, "e"), sequence: 1 });
    await expect(
      (async () => {
        for (let i = 0; i < 20; i++) await begin(i);
      })(),
    ).rejects.toMatchObject({ code: "CONFLICT" });
    clockOffsetMs = 25 * 3_600_000;
    try {
      expect(await begin(30)).toMatchObject({ beginEpoch: false });
    } finally {
      clockOffsetMs = 0;
    }
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

test("while strangers hold every connection that enrolment has, reports are stored and the fleet manager is answered", async () => {
  const device = await enrolDevice(server, "home");
  const connection = await device.connect();
  const token = await createToken(server, "home");
  const secretSha256 = createHash("sha256")
    .update(token.split(".")[2] as string)
    .digest("hex");
  let holding = true;
  const strangers: Promise<unknown>[] = [];
  await server.database.$transaction(
    async (tx) => {
      // An enrolment with this token waits for the test, in a transaction.
      await tx.$queryRaw`SELECT 1 FROM "EnrolmentToken" WHERE "secretSha256" = ${secretSha256} FOR UPDATE`;
      for (let i = 0; i < 40; i++) {
        strangers.push(
          (async () => {
            const key = withNativeSigning(createUser());
            while (holding) await enrol(enrolMessage(token, key, epoch), key).catch(() => undefined);
          })(),
        );
      }
      await eventually(async () => {
        const [row] = await server.database.$queryRaw<{ waiting: bigint }[]>`
          SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
        expect(Number(row?.waiting)).toBeGreaterThan(8);
      });
      await publishReport(connection, device, device.metrics(1));
      await eventually(async () => {
        expect(await server.database.report.count({ where: { deviceId: device.reply.device } })).toBe(1);
      });
      const devices = await askServer(server.access, (client) => client.device.list.query({ fleet: "home" }));
      expect(devices.map(({ id }) => id)).toContain(device.reply.device);
      holding = false;
    },
    { timeout: 120_000 },
  );
  await Promise.all(strangers);
  await connection.close();
});

test("a revocation that a killed server left in the database alone counts from the next start on", async () => {
  const device = await enrolDevice(server, "home");
  const other = await enrolDevice(server, "home");
  await server.database.device.update({ where: { id: device.reply.device }, data: { revokedAt: new Date() } });
  await server.restart();
  await expect(device.connect()).rejects.toThrow(/authorization|revoked/i);
  await (await other.connect()).close();
});

test("a device that is revoked while its poll is under way gets no credentials", async () => {
  const device = await enrolDevice(server, "home");
  const { device: id } = device.reply;
  // The credentials are due after this time, so that the poll signs new ones.
  clockOffsetMs = 16 * 86_400_000;
  let poll: Promise<unknown> = Promise.resolve();
  try {
    await server.database.$transaction(async (tx) => {
      // The poll is let in, then waits for this row.
      await tx.device.update({ where: { id }, data: { memory: 1 } });
      poll = device.poll({ sequence: 1 });
      poll.catch(() => undefined);
      await eventually(async () => {
        const [row] = await server.database.$queryRaw<{ waiting: bigint }[]>`
          SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
        expect(Number(row?.waiting)).toBeGreaterThan(0);
      });
      await tx.device.update({ where: { id }, data: { revokedAt: new Date() } });
    });
    await expect(poll).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  } finally {
    clockOffsetMs = 0;
  }
});

test("the broker's list, once it is full, leaves out the device that was revoked first", async () => {
  const [first, last] = [await enrolDevice(server, "home"), await enrolDevice(server, "home")];
  const row = { fleetName: "home", epoch, deviceKind: "laptop", engine: "node", memory: 1 };
  const agoMs = (days: number) => new Date(Date.now() - days * 86_400_000);
  await server.database.device.createMany({
    data: Array.from({ length: revocationLimit - 1 }, (_, i) => ({
      ...row,
      id: randomBytes(16).toString("hex"),
      nkey: `U${String(i).padStart(55, "A")}`,
      revokedAt: agoMs(1),
    })),
  });
  const revoke = ({ reply }: TestDevice) =>
    askServer(server.access, (client) => client.device.revoke.mutate({ device: reply.device }));
  await server.database.device.update({ where: { id: first.reply.device }, data: { revokedAt: agoMs(2) } });
  expect(await revoke(last)).toMatchObject({ dropped: true });
  await expect(last.connect()).rejects.toThrow(/authorization|revoked/i);
  await (await first.connect()).close();
  for (const device of [first, last]) {
    await expect(device.poll({ sequence: 1 })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  }
});
