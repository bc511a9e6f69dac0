// The broker's disk is full, then has room again. nats-server stores nothing more after that until it is restarted.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openReportConsumer } from "@attune/server/ingestion/report.stream";
import { diskRoom, watchRoom } from "@attune/server/ingestion/room.watch";
import type { Nats } from "@attune/server/platform/nats/nats";
import { inboxPrefix, reportStream, reportSubject } from "@attune/shared/subjects";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeUnlessLacking } from "../requirements.js";
import { eventually, makeTemporaryHome, startTestNats } from "./temporary-home.js";

function mountSmallDisk(directory: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", directory]).status === 0;
}
function unmount(directory: string): void {
  spawnSync("umount", ["-l", directory]);
}

function lackOfMounts(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "attune-mount-"));
  const isAllowed = mountSmallDisk(directory);
  if (isAllowed) unmount(directory);
  rmSync(directory, { recursive: true });
  return isAllowed ? undefined : "a small disk cannot be mounted here";
}

describeUnlessLacking("a broker's full disk", lackOfMounts(), () => {
  let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
  let nats: Nats;
  let device: NatsConnection;

  beforeAll(async () => {
    home = await makeTemporaryHome();
    expect(mountSmallDisk(home.nats)).toBe(true);
    nats = await startTestNats(home);
    await openReportConsumer(nats.connection);
  });
  afterAll(async () => {
    await device?.close();
    await nats?.stop();
    unmount(home.nats);
    await home.remove();
  });

  test("is announced, refuses reports without losing one, and ends with the room that there is again", async () => {
    const id = "a".repeat(32);
    const key = createUser();
    const input = { nkeyPublic: key.getPublicKey(), fleet: "home", device: id, lifeMs: 3_600_000 };
    const authenticator = jwtAuthenticator(await nats.credentials.createDeviceJwt(input), key.getSeed());
    const reconnect = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
    device = await connect({ servers: nats.url, authenticator, inboxPrefix: inboxPrefix(id), ...reconnect });
    const stream = jetstream(device, { timeout: 2_000 });
    const acknowledged: string[] = [];
    const publish = async (body: string) => {
      await stream.publish(reportSubject("home", id), body.padEnd(3_000));
      acknowledged.push(body);
    };
    await publish("before");

    const ending = new AbortController();
    const events: string[] = [];
    const note = (event: string) => void events.push(event);
    const rooms = { disk: diskRoom(home.nats), stream: () => Promise.reject(new Error("not looked at")) };
    const watching = watchRoom({ rooms, log: { error: note, info: note }, signal: ending.signal, intervalMs: 20 });
    const filler = join(home.nats, "filler");
    fillDisk(filler);
    await eventually(async () => expect(events).toEqual(["disk.nearlyFull"]));
    for (let i = 0, refused = 0; refused < 3 && i < 200; i++) await publish(`during ${i}`).catch(() => refused++);
    const silenced = nats.pid();
    rmSync(filler);
    await eventually(() => publish("after"), 150_000);
    expect(events).toEqual(["disk.nearlyFull", "disk.roomAgain"]);
    ending.abort();
    await watching;
    // The client refuses a flush that is under way while it connects again to the broker that was started anew.
    await eventually(() => nats.connection.flush());

    const manager = await jetstreamManager(nats.connection, { checkAPI: false });
    const stored = new Set<string>();
    const { state } = await manager.streams.info(reportStream);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      stored.add((await manager.streams.getMessage(reportStream, { seq }))?.string().trim() ?? "");
    }
    expect(acknowledged.filter((body) => !stored.has(body))).toEqual([]);
    expect(nats.pid()).not.toBe(silenced);
  });
});

function fillDisk(path: string): void {
  const file = openSync(path, "a");
  const piece = Buffer.alloc(4_096);
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
}
