// The home of release 0.1.0, killed with reports acknowledged and not yet ingested. Today's server starts on it,
// nothing is lost, and its devices continue unchanged.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { askServer } from "@attune/server/client/fleet-client";
import { moveReports } from "@attune/server/ingestion/report.move";
import { openReportConsumer } from "@attune/server/ingestion/report.stream";
import type { Nats } from "@attune/server/platform/nats/nats";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { firstContract, type Message } from "@attune/shared/contracts/egress";
import { chunkPath, manifestPath, releaseSchema } from "@attune/shared/contracts/release";
import { inboxPrefix, ingestionConsumer, reportStream, reportSubject } from "@attune/shared/subjects";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { createUser, fromSeed } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type EarlierDevice,
  type EarlierHome,
  readEarlierHome,
  restoreDatabase,
  restoreFiles,
} from "../golden/earlier-home/restore.js";
import { enrolMessage, signBarePoll, signEnrolment, startTestServer, type TestServer } from "./harness.js";
import { eventually, makeTemporaryHome, startTestNats, testLogger } from "./temporary-home.js";

let earlier: EarlierHome;
beforeAll(async () => {
  earlier = await readEarlierHome();
});

const keyOf = ({ seed }: EarlierDevice) => fromSeed(new TextEncoder().encode(seed));

function connectAs(device: EarlierDevice, url: string): Promise<NatsConnection> {
  const authenticator = jwtAuthenticator(device.userJwt, keyOf(device).getSeed());
  return connect({ servers: url, authenticator, inboxPrefix: inboxPrefix(device.device), reconnect: false });
}

describe("a server on an earlier home", () => {
  let server: TestServer;
  beforeAll(async () => {
    const restore = async (home: Parameters<typeof restoreFiles>[1]) => {
      await restoreFiles(earlier, home);
      await restoreDatabase(earlier, home);
    };
    server = await startTestServer({ restore });
  });
  afterAll(() => server?.stop());

  const sequencesOf = async ({ device }: EarlierDevice) => {
    const rows = await server.database.report.findMany({ where: { deviceId: device }, orderBy: { sequence: "asc" } });
    return rows.map(({ sequence }) => sequence);
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  test("has every report: those in its database, and those that were acknowledged and not ingested, each once", async () => {
    const { alice, bob } = earlier.devices;
    await eventually(async () => {
      expect(await sequencesOf(alice)).toEqual(upTo(10));
      expect(await sequencesOf(bob)).toEqual(upTo(6));
    });
    expect(await server.database.deadLetter.count()).toBe(earlier.tables.DeadLetter?.length);
    expect(await server.database.reportConflict.count()).toBe(0);
    for (const { deviceId, epoch, sequence, bodySha256 } of earlier.tables.Report ?? []) {
      const where = { deviceId_epoch_sequence: { deviceId, epoch, sequence } } as never;
      expect(await server.database.report.findUnique({ where })).toMatchObject({ bodySha256 });
    }
  });

  test("has its fleets, devices, revocations, releases with every chunk, rollouts and keys", async () => {
    const ask = <T>(query: Parameters<typeof askServer<T>>[1]) => askServer(server.access, query);
    expect((await ask((client) => client.fleet.list.query())).map(({ name }) => name)).toEqual(["home", "lab"]);
    for (const row of earlier.tables.Device ?? []) {
      const { id, nkey, epoch, fleetName, state, pollSequence } = row as Record<string, string>;
      const found = await server.database.device.findUniqueOrThrow({ where: { id: id as string } });
      expect(found).toMatchObject({ nkey, epoch, fleetName, state, pollSequence });
      expect(found.revokedAt === null).toBe(row.revokedAt === null);
    }
    const { sequence, manifestSha256 } = earlier.release;
    expect(await ask((client) => client.release.list.query())).toMatchObject([{ sequence, manifestSha256 }]);
    const [rollout] = earlier.tables.Rollout ?? [];
    expect(await ask((client) => client.rollout.status.query({ rollout: rollout?.id as string }))).toMatchObject({
      fleet: "home",
      releaseSequence: sequence,
      status: "completed",
      groups: [{ state: "passed" }],
    });
    const manifest = await fetch(`${server.access.httpUrl}${manifestPath(manifestSha256)}`);
    const { files } = releaseSchema.parse(signedEnvelopeSchema.parse(await manifest.json()).payload);
    for (const { sha256, sizeBytes } of files.flatMap(({ chunks }) => chunks)) {
      const chunk = await fetch(`${server.access.httpUrl}${chunkPath(sha256)}`);
      expect((await chunk.arrayBuffer()).byteLength).toBe(sizeBytes);
    }
    for (const [path, { base64 }] of Object.entries(earlier.files)) {
      if (!/\.(seed|pem|password)$|^admin-token$/.test(path)) continue;
      expect((await readFile(join(server.home.server, path))).toString("base64")).toBe(base64);
    }
  });

  test("serves an earlier device with the key and the credentials that it has: its poll and its next report", async () => {
    const { alice } = earlier.devices;
    const identity = { contract: firstContract, device: alice.device, epoch: alice.epoch } as const;
    const poll: Message<"poll", 1> = {
      type: "poll",
      ...identity,
      sequence: 8,
      releaseSequence: 1,
      state: "committed",
      reason: "none",
    };
    const signed = signBarePoll(keyOf(alice), poll);
    const answer = await askServer(server.access, (client) => client.device.poll.mutate(signed));
    expect(answer).toMatchObject({ device: alice.device, release: { manifestSha256: earlier.release.manifestSha256 } });
    const [{ body } = {}] = earlier.tables.Report ?? [];
    const report = { ...(body as Message<"report.metrics">), ...identity, sequence: 11 };
    // A report finds no stream during the move; the device keeps the report and sends it again.
    await eventually(async () => {
      const connection = await connectAs(alice, server.app.natsUrl);
      const subject = reportSubject(alice.fleet, alice.device);
      await jetstream(connection).publish(subject, canonicalBytes(report), { msgID: "alice-11" });
      await connection.close();
    });
    await eventually(async () => expect(await sequencesOf(alice)).toEqual(upTo(11)));
  });

  test("refuses the device that was revoked, and enrols one with a token that was open", async () => {
    await expect(connectAs(earlier.devices.carol, server.app.natsUrl)).rejects.toThrow(/authorization|revoked/i);
    const key = createUser();
    const enrolment = signEnrolment(key, enrolMessage(earlier.unusedToken, key, "0123456789abcdef"));
    const reply = await askServer(server.access, (client) => client.device.enrol.mutate(enrolment));
    expect(reply.fleet).toBe("lab");
  });

  test("has taken JetStream from the account in which its devices live, with all that was stored there", async () => {
    const account = /([A-Z0-9]{56})\/streams/.exec(Object.keys(earlier.files).join())?.[1] as string;
    const store = join(server.home.nats, "jetstream", "jetstream");
    await eventually(async () => {
      const left = await readdir(join(store, account), { recursive: true }).catch(() => []);
      expect(left.filter((path) => path.includes(reportStream))).toEqual([]);
      const others = (await readdir(store)).filter((name) => name !== account && /^A[A-Z0-9]{55}$/.test(name));
      expect(others).toHaveLength(1);
    });
  });
});

describe("a move that is interrupted", () => {
  let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
  let nats: Nats;
  const start = () => startTestNats(home);
  beforeAll(async () => {
    home = await makeTemporaryHome();
    await restoreFiles(earlier, home);
    nats = await start();
  });
  afterAll(async () => {
    await nats?.stop();
    await home?.remove();
  });

  test("after each of its requests continues from there, with another server, and loses nothing", async () => {
    let attempts = 0;
    for (let allowed = 0; nats.credentials.hasEarlierStream(); allowed++) {
      attempts++;
      const ending = new AbortController();
      let left = allowed;
      const limit = (connection: NatsConnection): NatsConnection => {
        const { request, publish } = connection;
        const counted = <A extends unknown[], R>(call: (...args: A) => R) =>
          function limited(...args: A): R {
            if (left-- <= 0) {
              ending.abort();
              throw new Error("the server died here");
            }
            return call.apply(connection, args);
          };
        return Object.assign(connection, { request: counted(request), publish: counted(publish) });
      };
      const unlimited = { request: nats.connection.request, publish: nats.connection.publish };
      const connectToEarlierStream = async () => limit(await nats.connectToEarlierStream());
      const parts = { connection: limit(nats.connection), credentials: nats.credentials, connectToEarlierStream };
      await moveReports({ nats: parts, log: testLogger, signal: ending.signal });
      Object.assign(nats.connection, unlimited);
      if (attempts % 8 === 0) {
        await nats.stop();
        nats = await start();
      }
    }
    expect(attempts).toBeGreaterThan(10);
    const manager = await jetstreamManager(nats.connection);
    const bodies = new Set<string>();
    const { state } = await manager.streams.info(reportStream);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      bodies.add((await manager.streams.getMessage(reportStream, { seq }))?.string() ?? "");
    }
    const found = [...bodies].map((body) => JSON.parse(body) as Message<"report.metrics">);
    const sequencesOf = ({ device }: EarlierDevice) =>
      found.filter((report) => report.device === device).map(({ sequence }) => sequence);
    expect(sequencesOf(earlier.devices.alice).sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(sequencesOf(earlier.devices.bob).sort((a, b) => a - b)).toEqual([4, 5, 6]);
    await openReportConsumer(nats.connection);
    expect((await manager.consumers.info(reportStream, ingestionConsumer)).num_pending).toBeGreaterThanOrEqual(9);
  });
});
