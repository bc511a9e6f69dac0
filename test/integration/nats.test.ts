// The rights of a device on the real nats-server, the effect of a revocation, and the state that survives a kill.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger } from "@attune/platform/logger";
import { revocationLimit } from "@attune/server/platform/nats/devices-account";
import { type Nats, startNats } from "@attune/server/platform/nats/nats";
import { openNatsKeys } from "@attune/server/platform/nats/nats-keys";
import { inboxPrefix, reportStream, reportStreamSubjects, reportSubject } from "@attune/shared/subjects";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type Account, decode, encodeAccount } from "@nats-io/jwt";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { choosePort, eventually, findTestNatsServer, makeTemporaryHome } from "./temporary-home.js";

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let nats: Nats;
let clockOffsetMs = 0;
const devices: NatsConnection[] = [];
const warnings: { readonly event: string; readonly unlisted?: number }[] = [];

const start = () =>
  startNats({
    places: home,
    logger: createLogger({ level: "warn", write: (line) => warnings.push(JSON.parse(line)) }),
    now: () => Date.now() + clockOffsetMs,
    externalUrl: undefined,
    listenHost: "127.0.0.1",
    choosePort: choosePort(home, "ATTUNE_NATS_PORT"),
    findProgram: findTestNatsServer,
  });

beforeAll(async () => {
  home = await makeTemporaryHome();
  nats = await start();
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: reportStream, subjects: [reportStreamSubjects] });
});

afterAll(async () => {
  await Promise.all(devices.map((device) => device.close()));
  await nats?.stop();
  await home?.remove();
});

const fleet = "living-room";
const alice = "a".repeat(32);
const bob = "b".repeat(32);

async function connectDevice(device: string, lifeMs = 60_000) {
  const key = createUser();
  const nkeyPublic = key.getPublicKey();
  const jwt = await nats.credentials.createDeviceJwt({ nkeyPublic, fleet, device, lifeMs });
  const connection = await connect({
    servers: nats.url,
    authenticator: jwtAuthenticator(jwt, key.getSeed()),
    inboxPrefix: inboxPrefix(device),
    reconnect: false,
  });
  devices.push(connection);
  return { connection, nkeyPublic, jwt, key };
}

/** The server's error about a publication, which has no reply of its own. */
async function refusalOfPublication(connection: NatsConnection, subject: string): Promise<string> {
  const statuses = connection.status()[Symbol.asyncIterator]();
  connection.publish(subject, "x");
  for (;;) {
    const { value, done } = await statuses.next();
    if (done) return "closed";
    if (value.type === "error") return value.error.message;
  }
}

describe("a device's credentials", () => {
  test("publish to the device's own subject and get the acknowledgement in its own inbox", async () => {
    const { connection } = await connectDevice(alice);
    const ack = await jetstream(connection).publish(reportSubject(fleet, alice), "{}", { msgID: "0-1" });
    expect(ack.stream).toBe(reportStream);
  });

  test("cannot publish for another device, in another fleet or to the server's interfaces", async () => {
    const { connection } = await connectDevice(alice);
    for (const subject of [reportSubject(fleet, bob), reportSubject("kitchen", alice), "$JS.API.INFO", "anything"]) {
      expect(await refusalOfPublication(connection, subject)).toMatch(/permissions violation/i);
    }
  });

  test("cannot subscribe to everything, to reports or to another device's inbox", async () => {
    const { connection } = await connectDevice(alice);
    for (const subject of [">", "*", "_INBOX.>", "_INBOX_*.>", reportSubject(fleet, alice), `${inboxPrefix(bob)}.>`]) {
      const subscription = connection.subscribe(subject);
      const consume = async () => {
        for await (const _ of subscription) break;
      };
      await expect(consume()).rejects.toThrow(/permissions violation/i);
    }
  });

  test("cannot send a message larger than any report could be", async () => {
    const { connection } = await connectDevice(alice);
    // The client library refuses large messages by itself; a hostile device does not.
    Object.assign(connection.info!, { max_payload: 1_000_000 });
    connection.publish(reportSubject(fleet, alice), new Uint8Array(8_192));
    await connection.closed();
    const { state } = await (await jetstreamManager(nats.connection)).streams.info(reportStream);
    expect(state.bytes).toBeLessThan(4_096);
  });

  test("end with their time", async () => {
    await expect(connectDevice(alice, -10_000)).rejects.toThrow(/authorization|expired/i);
  });

  test("count for nothing when another account signed them", async () => {
    const key = createUser();
    const { jwt } = await connectDevice(bob);
    const authenticator = jwtAuthenticator(jwt, key.getSeed());
    await expect(connect({ servers: nats.url, authenticator, reconnect: false })).rejects.toThrow(/authorization/i);
  });
});

test("a revocation drops the live connection, refuses the next one and leaves other devices alone", async () => {
  const revoked = await connectDevice(alice);
  const other = await connectDevice(bob);
  await nats.credentials.revoke({ revoked: [revoked.nkeyPublic] });
  await revoked.connection.closed();
  const authenticator = jwtAuthenticator(revoked.jwt, revoked.key.getSeed());
  await expect(connect({ servers: nats.url, authenticator, reconnect: false })).rejects.toThrow(
    /authorization|revoked/i,
  );
  await other.connection.flush();
});

test("nats-server killed with SIGKILL comes back with its stream, on the same port, and clients find it", async () => {
  const { connection } = await connectDevice(alice);
  await jetstream(connection).publish(reportSubject(fleet, alice), "kept", { msgID: "0-77" });
  const manager = await jetstreamManager(nats.connection);
  const before = (await manager.streams.info(reportStream)).state.messages;
  const killed = nats.pid()!;
  process.kill(killed, "SIGKILL");
  const after = await eventually(async () => {
    expect(nats.pid()).not.toBe(killed);
    return (await manager.streams.info(reportStream)).state.messages;
  });
  expect(after).toBe(before);
});

test("a restart keeps keys, port, stream and revocations", async () => {
  const revoked = await connectDevice(alice);
  await nats.credentials.revoke({ revoked: [revoked.nkeyPublic] });
  const { url } = nats;
  await nats.stop();
  nats = await start();
  expect(nats.url).toBe(url);
  const manager = await jetstreamManager(nats.connection);
  expect((await manager.streams.info(reportStream)).state.messages).toBeGreaterThan(0);
  const authenticator = jwtAuthenticator(revoked.jwt, revoked.key.getSeed());
  await expect(connect({ servers: nats.url, authenticator, reconnect: false })).rejects.toThrow(
    /authorization|revoked/i,
  );
});

test("a revocation holds whatever the server's clock says, and for what is signed after it", async () => {
  const revoked = await connectDevice(alice);
  // The clock runs behind the time at which the device's credentials were issued.
  clockOffsetMs = -3_600_000;
  try {
    await nats.credentials.revoke({ revoked: [revoked.nkeyPublic] });
    await revoked.connection.closed();
  } finally {
    clockOffsetMs = 0;
  }
  const { nkeyPublic, key } = revoked;
  const late = await nats.credentials.createDeviceJwt({ nkeyPublic, fleet, device: alice, lifeMs: 60_000 });
  const authenticator = jwtAuthenticator(late, key.getSeed());
  await expect(connect({ servers: nats.url, authenticator, reconnect: false })).rejects.toThrow(
    /authorization|revoked/i,
  );
});

const keys = (count: number) => Array.from({ length: count }, (_, i) => `U${String(i).padStart(55, "A")}`);

test("thousands of revocations reach the broker, expired ones leave the list", async () => {
  const revoked = await connectDevice(alice);
  const many = keys(9_000);
  await nats.credentials.revoke({ revoked: [...many, revoked.nkeyPublic] });
  await revoked.connection.closed();
  const longest = nats.credentials.account().jwt.length;
  await nats.credentials.revoke({ revoked: many, expired: many });
  expect(nats.credentials.account().jwt.length).toBeLessThan(longest / 100);
  await connectDevice(bob);
});

/** The size of an account's JWT that every nats-server takes. */
const accountLimitBytes = 1_048_576;

async function expectRefused({ jwt, key }: Awaited<ReturnType<typeof connectDevice>>): Promise<void> {
  const authenticator = jwtAuthenticator(jwt, key.getSeed());
  const connection = connect({ servers: nats.url, authenticator, reconnect: false });
  await expect(connection).rejects.toThrow(/authorization|revoked/i);
}

async function writtenAccount(): Promise<string> {
  const { publicKey, jwt } = nats.credentials.account();
  expect(await readFile(join(home.keys, "nats-account.jwt"), "utf8")).toBe(jwt);
  expect(await readFile(join(home.nats, "accounts", `${publicKey}.jwt`), "utf8")).toBe(jwt);
  return jwt;
}

test("of more revocations than every broker takes the newest count, others are warned of, and a restart changes neither", async () => {
  const [oldest, newest] = [await connectDevice(alice), await connectDevice(alice)];
  const many = keys(40_000);
  warnings.length = 0;
  await nats.credentials.revoke({ revoked: [oldest.nkeyPublic, ...many, newest.nkeyPublic] });
  await newest.connection.closed();
  await oldest.connection.flush();
  const warning = warnings.find(({ event }) => event === "revocations.unlisted");
  // The list already held revocations of earlier tests.
  expect(warning).toMatchObject({ listed: revocationLimit, why: expect.stringContaining("addresses") });
  expect(warning?.unlisted).toBeGreaterThanOrEqual(many.length + 2 - revocationLimit);
  await nats.stop();
  nats = await start();
  const jwt = await writtenAccount();
  expect(jwt.length).toBeLessThan(accountLimitBytes);
  expect(Object.keys(decode<Account>(jwt).nats.revocations ?? {})).toHaveLength(revocationLimit);
  await expectRefused(newest);
  await connectDevice(bob);
  await nats.credentials.revoke({ revoked: [], expired: many });
});

test("an account with more revocations than every broker takes, as an earlier release left it, locks nobody out", async () => {
  const revoked = await connectDevice(alice);
  await nats.stop();
  const { account, operator } = await openNatsKeys(home.keys);
  const path = join(home.keys, "nats-account.jwt");
  const { name, nats: claims } = decode<Account>(await readFile(path, "utf8"));
  const revocations = Object.fromEntries([...keys(40_000), revoked.nkeyPublic].map((key) => [key, 253_370_764_800]));
  const earlier = await encodeAccount(name, account, { ...claims, revocations }, { signer: operator });
  expect(earlier.length).toBeGreaterThan(accountLimitBytes);
  await writeFile(path, earlier);
  nats = await start();
  expect((await writtenAccount()).length).toBeLessThan(accountLimitBytes);
  await expectRefused(revoked);
  await connectDevice(bob);
});
