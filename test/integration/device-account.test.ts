// The limits of a device's credentials at the broker, in the hands of the device's owner. NATS checks a
// publication's subject. It never checks the reply subject or the headers, so both are tried with everything that
// has a meaning to any receiver.

import { openReportConsumer } from "@attune/server/ingestion/report.stream";
import type { Nats } from "@attune/server/platform/nats/nats";
import { inboxPrefix, ingestionConsumer, reportStream, reportSubject } from "@attune/shared/subjects";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers, jwtAuthenticator, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually, makeTemporaryHome, startTestNats } from "./temporary-home.js";

const fleet = "home";
const mallory = "a".repeat(32);
const bob = "b".repeat(32);
const [ownSubject, bobsSubject] = [reportSubject(fleet, mallory), reportSubject(fleet, bob)];
const bobsReports = 20;

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let nats: Nats;
let attacker: NatsConnection;
let victim: NatsConnection;

async function connectDevice(device: string): Promise<NatsConnection> {
  const key = createUser();
  const nkeyPublic = key.getPublicKey();
  const jwt = await nats.credentials.createDeviceJwt({ nkeyPublic, fleet, device, lifeMs: 600_000 });
  const authenticator = jwtAuthenticator(jwt, key.getSeed());
  return connect({ servers: nats.url, authenticator, inboxPrefix: inboxPrefix(device), reconnect: false });
}

beforeAll(async () => {
  home = await makeTemporaryHome();
  nats = await startTestNats(home);
  // No ingestion runs here: each acknowledged report stays in the stream, where it can be counted.
  await openReportConsumer(nats.connection);
  [attacker, victim] = [await connectDevice(mallory), await connectDevice(bob)];
  const stream = jetstream(victim);
  for (let i = 1; i <= bobsReports; i++) await stream.publish(bobsSubject, `bob ${i}`, { msgID: `bob-${i}` });
});

afterAll(async () => {
  await Promise.all([attacker?.close(), victim?.close()]);
  await nats?.stop();
  await home?.remove();
});

let before: Awaited<ReturnType<typeof lookAtStream>>;
beforeEach(async () => {
  before = await lookAtStream();
});

/** The number of messages by subject, and every property of stream and consumer that an API call could change. */
async function lookAtStream() {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { config, state } = await manager.streams.info(reportStream, { subjects_filter: ">" });
  const consumer = await manager.consumers.info(reportStream, ingestionConsumer);
  const streams = await manager.streams.names().next();
  return {
    config,
    subjects: state.subjects ?? {},
    deleted: state.num_deleted ?? 0,
    streams,
    consumer: consumer.config,
    delivered: consumer.delivered.consumer_seq,
    acknowledged: consumer.ack_floor.consumer_seq,
  };
}

/** The attacker may report, so its own entries may be any number. Everything else must be as before. */
async function expectNothingHappened(): Promise<void> {
  await attacker.flush();
  // After two acknowledged reports, JetStream's answers to everything before have arrived wherever they could.
  for (let i = 0; i < 2; i++) await jetstream(attacker).publish(ownSubject, `last ${i}`);
  await nats.connection.flush();
  const after = await lookAtStream();
  expect(after.subjects[bobsSubject]).toBe(bobsReports);
  expect(Object.keys(after.subjects).sort()).toEqual([ownSubject, bobsSubject]);
  expect({ ...after, subjects: {} }).toEqual({ ...before, subjects: {} });
}

const [s, c] = [reportStream, ingestionConsumer];
const apiCalls = [
  "INFO",
  "ACCOUNT.PURGE.ATTUNE",
  ...["CREATE", "UPDATE", "INFO", "DELETE", "PURGE", "SNAPSHOT", "RESTORE", "PEER.REMOVE", "LEADER.STEPDOWN"].map(
    (call) => `STREAM.${call}.${s}`,
  ),
  "STREAM.NAMES",
  "STREAM.LIST",
  `STREAM.MSG.GET.${s}`,
  `STREAM.MSG.DELETE.${s}`,
  "STREAM.CREATE.OTHER",
  "TEMPLATE.NAMES",
  "STREAM.TEMPLATE.CREATE.T",
  "META.LEADER.STEPDOWN",
  "SERVER.REMOVE",
  ...["NAMES", "LIST", "CREATE", "DURABLE.CREATE"].map((call) => `CONSUMER.${call}.${s}`),
  ...["CREATE", "DURABLE.CREATE", "INFO", "DELETE", "PAUSE", "UNPIN", "LEADER.STEPDOWN", "MSG.NEXT", "RESET"].map(
    (call) => `CONSUMER.${call}.${s}.${c}`,
  ),
  `DIRECT.GET.${s}`,
  `DIRECT.GET.${s}.${bobsSubject}`,
  `CONSUMER.CREATE.${s}.${c}.${bobsSubject}`,
].map((call) => `$JS.API.${call}`);

const replies: readonly (readonly [string, readonly string[]])[] = [
  ["JetStream's interface", apiCalls],
  ["JetStream's interface by its other names", apiCalls.map((call) => call.replace("$JS.API", "$JS.attune.API"))],
  ["acknowledgements of the ingestion", [1, 2, 20].map((seq) => `$JS.ACK.${s}.${c}.1.${seq}.${seq}.1700000000.0`)],
  ["flow control and events", [`$JS.FC.${s}.${c}.1`, `$JS.EVENT.ADVISORY.API`, "$KV.x.y", "$O.x.y"]],
  [
    "another device's report subject",
    [bobsSubject, reportSubject("kitchen", bob), reportSubject(fleet, "c".repeat(32))],
  ],
  ["its own report subject", [ownSubject]],
  ["the system account", ["$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.x"]],
  ["others' inboxes", ["_INBOX.x.y", `${inboxPrefix(bob)}.x`, "_R_.x.y", "_GR_.x.y"]],
];

describe("a report whose reply subject names", () => {
  test.each(replies)("%s changes nothing", async (_name, subjects) => {
    for (const reply of subjects) {
      attacker.publish(ownSubject, "x", { reply });
      attacker.publish(ownSubject, JSON.stringify({ seq: 1, name: s, stream_name: s, batch: 20, keep: 0 }), { reply });
    }
    await expectNothingHappened();
  });

  test("a subscription of the server's own never reaches it", async () => {
    const received: string[] = [];
    const subscription = nats.connection.subscribe("server.secret.inbox", {
      callback: (_error, message) => {
        received.push(message.string());
      },
    });
    await nats.connection.flush();
    attacker.publish(ownSubject, "x", { reply: "server.secret.inbox" });
    await expectNothingHappened();
    subscription.unsubscribe();
    expect(received).toEqual([]);
  });
});

describe("a report whose headers ask for more", () => {
  const asks: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["rolls the stream up", { "Nats-Rollup": "all" }],
    ["rolls its subject up", { "Nats-Rollup": "sub" }],
    ["is a trace to JetStream's interface", { "Nats-Trace-Dest": `$JS.API.STREAM.PURGE.${s}` }],
    ["is a trace in another's name", { "Nats-Trace-Dest": bobsSubject }],
    ["is a trace only", { "Nats-Trace-Dest": bobsSubject, "Nats-Trace-Only": "true" }],
    [
      "is scheduled in another's name",
      { "Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": bobsSubject },
    ],
    ["purges by a marker", { "Nats-Marker-Reason": "Purge" }],
    ["is a batch", { "Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1" }],
    ["ends soon", { "Nats-TTL": "1s" }],
    ["is a counter", { "Nats-Incr": "+1" }],
  ];

  test.each(asks)("%s: nothing happens", async (_name, fields) => {
    for (const reply of [undefined, `${inboxPrefix(mallory)}.x`, `$JS.API.STREAM.PURGE.${s}`]) {
      attacker.publish(ownSubject, "x", { headers: makeHeaders(fields), ...(reply === undefined ? {} : { reply }) });
    }
    await expectNothingHappened();
  });

  function makeHeaders(fields: Readonly<Record<string, string>>): MsgHdrs {
    const made = headers();
    for (const [name, value] of Object.entries(fields)) made.set(name, value);
    return made;
  }
});

test("a device has no JetStream: its account refuses it by name even where a permission would not", async () => {
  await expect(jetstreamManager(attacker, { timeout: 2_000 })).rejects.toThrow();
  await expectNothingHappened();
});

test("not even the server's own user deletes or purges what is acknowledged", async () => {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await expect(manager.streams.purge(reportStream)).rejects.toThrow(/not permitted/);
  await expect(manager.streams.deleteMessage(reportStream, 1)).rejects.toThrow(/not permitted/);
  await expectNothingHappened();
});

test("a reply subject with a wildcard, which crashes nats-server before 2.9.15, costs no acknowledged report", async () => {
  for (const reply of ["attune.v1.*.*.report", ">", `${inboxPrefix(mallory)}.*`]) {
    const harmful = await eventually(() => connectDevice(mallory));
    for (let i = 0; i < 2; i++) harmful.publish(ownSubject, "x", { reply });
    await harmful.flush().catch(() => undefined);
    await harmful.close();
  }
  await eventually(async () => {
    attacker = await connectDevice(mallory);
    await expectNothingHappened();
  }, 60_000);
});
