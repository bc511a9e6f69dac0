// The stream when reports come faster than they are ingested: one device cannot fill it for the others.
// The server logs in time that the stream will be full.

import { openReportConsumer, streamLimits } from "@attune/server/ingestion/report.stream";
import { streamRoom, watchRoom } from "@attune/server/ingestion/room.watch";
import type { Nats } from "@attune/server/platform/nats/nats";
import { inboxPrefix, reportStream, reportSubject } from "@attune/shared/subjects";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, makeTemporaryHome, startTestNats } from "./temporary-home.js";

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let nats: Nats;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  nats = await startTestNats(home);
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await nats?.stop();
  await home?.remove();
});

async function connectDevice(digit: string) {
  const device = digit.repeat(32);
  const key = createUser();
  const input = { nkeyPublic: key.getPublicKey(), fleet: "home", device, lifeMs: 600_000 };
  const jwt = await nats.credentials.createDeviceJwt(input);
  const authenticator = jwtAuthenticator(jwt, key.getSeed());
  const connection = await connect({ servers: nats.url, authenticator, inboxPrefix: inboxPrefix(device) });
  connections.push(connection);
  return () => jetstream(connection).publish(reportSubject("home", device), new Uint8Array(1_000));
}

const stateOfStream = async () => {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  return (await manager.streams.info(reportStream)).state;
};

test("a stream that an earlier start made gets today's limits", async () => {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await manager.streams.add({ name: reportStream, subjects: ["attune.v1.*.*.report"], retention: "workqueue" });
  await openReportConsumer(nats.connection);
  const { config } = await manager.streams.info(reportStream);
  expect(config).toMatchObject({
    max_bytes: streamLimits.totalBytes,
    max_msgs_per_subject: streamLimits.waitingReports,
  });
});

test("one device that floods is refused at its own limit, and another is not", async () => {
  await openReportConsumer(nats.connection, { ...streamLimits, waitingReports: 50 });
  const [flood, other] = [await connectDevice("a"), await connectDevice("b")];
  const sent = await Promise.allSettled(Array.from({ length: 80 }, flood));
  expect(sent.filter(({ status }) => status === "fulfilled")).toHaveLength(50);
  await expect(flood()).rejects.toThrow(/per subject/);
  await other();
  expect((await stateOfStream()).messages).toBe(51);
});

test("a stream that fills up says so before it refuses, and refuses without losing what it has", async () => {
  await openReportConsumer(nats.connection, { totalBytes: 200_000, waitingReports: 5_000 });
  const ending = new AbortController();
  const events: string[] = [];
  const log = { error: (event: string) => void events.push(event), info: () => undefined };
  const rooms = { disk: () => Promise.reject(new Error("not looked at")), stream: streamRoom(nats.connection) };
  const watching = watchRoom({ rooms, log, signal: ending.signal, intervalMs: 10 });
  const publish = await connectDevice("c");
  while ((await stateOfStream()).bytes < 170_000) await publish();
  await eventually(async () => expect(events).toEqual(["stream.nearlyFull"]));
  const before = (await stateOfStream()).messages;
  const sent = await Promise.allSettled(Array.from({ length: 60 }, publish));
  const stored = sent.filter(({ status }) => status === "fulfilled").length;
  expect(stored).toBeGreaterThan(0);
  expect(stored).toBeLessThan(60);
  expect((await stateOfStream()).messages).toBe(before + stored);
  ending.abort();
  await watching;
});
