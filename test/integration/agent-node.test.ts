// The agent's NATS adapter against the real nats-server: acknowledged once, reconnecting
// after kills, renewed credentials.

import type { Cleared, ReportConnection } from "@attune/edge-agent/core/ports";
import { createLogger } from "@attune/edge-agent/node/logger";
import { createNatsTransport } from "@attune/edge-agent/node/nats-transport";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import type { Nats } from "@attune/server/platform/nats/nats";
import { reportStream, reportStreamSubjects, reportSubject } from "@attune/shared/subjects";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually, makeTemporaryHome, startTestNats } from "./temporary-home.js";

const fleet = "living-room";
let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let nats: Nats;
let devices = 0;
const connections: ReportConnection[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  nats = await startTestNats(home);
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: reportStream, subjects: [reportStreamSubjects] });
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});
afterAll(async () => {
  await nats?.stop();
  await home?.remove();
});

/** A device with a key of its own; `connect` gives it a JWT that lives so long. */
/** The log of the devices' transports. */
const logged: string[] = [];

async function makeDevice() {
  devices += 1;
  const device = devices.toString(16).padStart(32, "0");
  const deviceKey = createDeviceKey(`${home.home}/agents/${device}/keys/device.seed`);
  const nkeyPublic = await deviceKey.create();
  const reconnect = { firstMs: 20, maxMs: 200 };
  const transport = createNatsTransport({
    deviceKey,
    log: createLogger("info", (line) => logged.push(line)),
    reconnect,
  });
  const connect = async (lifeMs = 60_000, urls = [nats.url]): Promise<ReportConnection> => {
    const userJwt = await nats.credentials.createDeviceJwt({ nkeyPublic, fleet, device, lifeMs });
    const connection = await transport.connect({ urls, userJwt, device, fleet }, new AbortController().signal);
    connections.push(connection);
    return connection;
  };
  const publish = (connection: ReportConnection, sequence: number, signal = new AbortController().signal) => {
    const bytes = new TextEncoder().encode(`{"sequence":${sequence}}`);
    const cleared = { type: "report.state", bytes } as unknown as Cleared<"report.state">;
    return connection.publish(
      cleared,
      { subject: reportSubject(fleet, device), messageId: `${device}-${sequence}` },
      signal,
    );
  };
  const stored = async (): Promise<string[]> => {
    const { streams } = await jetstreamManager(nats.connection);
    const { state } = await streams.info(reportStream);
    const bodies: string[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await streams.getMessage(reportStream, { seq });
      if (message?.subject === reportSubject(fleet, device)) bodies.push(message.string());
    }
    return bodies;
  };
  return { connect, publish, stored };
}

test("a report is acknowledged once it is in the stream, byte for byte; a resend adds nothing", async () => {
  const { connect, publish, stored } = await makeDevice();
  const connection = await connect();
  await Promise.all([1, 2, 3].map((sequence) => publish(connection, sequence)));
  await publish(connection, 2);
  expect((await stored()).sort()).toEqual(['{"sequence":1}', '{"sequence":2}', '{"sequence":3}']);
});

test("through a kill -9 of nats-server the connection comes back by itself and nothing is lost or doubled", async () => {
  const { connect, publish, stored } = await makeDevice();
  const connection = await connect();
  await publish(connection, 1);
  const killed = nats.pid()!;
  process.kill(killed, "SIGKILL");
  // The publisher learns of the broker's death at once, at any moment, and can retry.
  const refusals: unknown[] = [];
  await eventually(async () => {
    await publish(connection, 2).catch((error) => {
      refusals.push(error);
      throw error;
    });
    expect(nats.pid()).not.toBe(killed);
  });
  for (const refusal of refusals) expect(refusal).toMatchObject({ retryable: true });
  await eventually(async () => expect(await stored()).toEqual(['{"sequence":1}', '{"sequence":2}']));
});

test("a connection outlives its credentials: it comes back with the renewed ones", async () => {
  const { connect, publish, stored } = await makeDevice();
  const old = await connect(2_000);
  await publish(old, 1);
  await connect(60_000);
  const loggedBefore = logged.length;
  await eventually(async () => expect(logged.slice(loggedBefore).join("")).toContain('"event":"nats.disconnect"'));
  await eventually(() => publish(old, 2));
  expect(await stored()).toEqual(['{"sequence":1}', '{"sequence":2}']);
});

test("no broker is NATS_UNAVAILABLE at once, and the log names its address; refused credentials are UNAUTHORIZED", async () => {
  const { connect } = await makeDevice();
  await expect(connect(60_000, ["nats://127.0.0.1:1"])).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
  expect(logged.join("")).toContain('"event":"nats.unreachable","broker":"127.0.0.1:1"');
  await expect(connect(-10_000)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("a publication that is given up, or that the device may not make, does not hang", async () => {
  const { connect, publish } = await makeDevice();
  const other = await makeDevice();
  const connection = await connect();
  await expect(publish(connection, 1, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  await expect(other.publish(connection, 1)).rejects.toMatchObject({ name: "AppError" });
  await connection.close();
  await expect(publish(connection, 2)).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
});
