// Reports from real devices over a real nats-server into a real PostgreSQL: each arrives exactly
// once, whatever is killed.

import { createHash } from "node:crypto";
import { askServer } from "@attune/server/client/fleet-client";
import { keptPerDevice } from "@attune/server/ingestion/dead-letter";
import { reportsPerDay } from "@attune/server/ingestion/intake.plan";
import { canonicalBytes, canonicalJson } from "@attune/shared/canonical-json";
import type { Message } from "@attune/shared/contracts/egress";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  createFleet,
  enrolDevice,
  publishBytes,
  publishReport,
  startTestServer,
  type TestDevice,
  type TestServer,
} from "./harness.js";
import { eventually } from "./temporary-home.js";

let server: TestServer;
let device: TestDevice;
let connection: NatsConnection;

beforeAll(async () => {
  server = await startTestServer();
  await createFleet(server, "home");
});

afterAll(async () => {
  await connection?.close();
  await server?.stop();
});

beforeEach(async () => {
  await connection?.close();
  device = await enrolDevice(server, "home");
  connection = await device.connect();
});

const stored = () => server.database.report.count({ where: { deviceId: device.reply.device } });
const untilStored = (count: number, timeoutMs = 60_000) =>
  eventually(async () => expect(await stored()).toBe(count), timeoutMs);
/** Two lanes take in reports side by side: a later report may be stored before an earlier one is refused. */
const untilRefused = (letter: { reason: string; sizeBytes: number }) =>
  eventually(async () => {
    const letters = await server.database.deadLetter.findMany({ where: { subjectDevice: device.reply.device } });
    expect(letters).toMatchObject([letter]);
  }, 60_000);
const bytesOf = (message: Message<"report.metrics">) => canonicalBytes(message);

describe("one device's reports", () => {
  test("arrive with the hash of the very bytes that the device sent", async () => {
    const message = device.metrics(1);
    await publishReport(connection, device, message);
    await untilStored(1);
    const { reports } = await askServer(server.access, (client) =>
      client.audit.device.query({ device: device.reply.device }),
    );
    const sha256 = createHash("sha256").update(canonicalJson(message)).digest("hex");
    expect(reports).toMatchObject([{ epoch: device.epoch, sequence: 1, sha256, sizeBytes: bytesOf(message).length }]);
  });

  test("count once when they come again, late and out of order", async () => {
    for (const sequence of [5, 3, 1, 4, 2]) await publishBytes(connection, device, bytesOf(device.metrics(sequence)));
    // The reports have no message id, so that the broker itself removes none of them.
    for (const sequence of [1, 2, 3, 3, 5]) await publishBytes(connection, device, bytesOf(device.metrics(sequence)));
    await publishBytes(connection, device, bytesOf(device.metrics(6)));
    await untilStored(6);
    expect(await server.database.reportConflict.count({ where: { deviceId: device.reply.device } })).toBe(0);
  });

  test("never replace each other: the same identity with another body is kept apart", async () => {
    const conflicts = () => server.database.reportConflict.count({ where: { deviceId: device.reply.device } });
    await publishBytes(connection, device, bytesOf(device.metrics(1, { f1Personal: 55 })));
    // Two lanes take in reports side by side: the first of two bodies is the one that was stored first.
    await untilStored(1);
    await publishBytes(connection, device, bytesOf(device.metrics(1, { f1Personal: 99 })));
    await publishBytes(connection, device, bytesOf(device.metrics(1, { f1Personal: 99 })));
    await publishBytes(connection, device, bytesOf(device.metrics(2)));
    await untilStored(2);
    await eventually(async () => expect(await conflicts()).toBe(1), 60_000);
    const first = await server.database.report.findFirst({ where: { deviceId: device.reply.device, sequence: 1 } });
    expect(first?.body).toMatchObject({ f1Personal: 55 });
  });
});

describe("what is no report", () => {
  const canary = "quokkaparade";
  const deep = `${"[".repeat(250)}${"]".repeat(250)}`;
  const cases: readonly [string, string, (message: Message<"report.metrics">) => string][] = [
    ["NaN", "malformed", (message) => canonicalJson(message).replace('"f1Prior":40', '"f1Prior":NaN')],
    ["a number as text", "contract", (message) => canonicalJson({ ...message, f1Prior: canary })],
    ["an F1 above 100 percent", "contract", (message) => canonicalJson({ ...message, f1Prior: 101 })],
    ["a negative latency", "contract", (message) => canonicalJson({ ...message, predictP50: -1 })],
    [
      "a negative zero",
      "contract",
      (message) => canonicalJson(message).replace('"releaseSequence":1', '"releaseSequence":-0'),
    ],
    ["an unknown field", "contract", (message) => canonicalJson({ ...message, note: canary })],
    ["an unknown type", "contract", (message) => canonicalJson({ ...message, type: canary })],
    ["too many bytes", "oversized", (message) => canonicalJson({ ...message, note: canary.repeat(200) })],
    ["deep nesting", "contract", (message) => canonicalJson(message).replace('"f1Prior":40', `"f1Prior":${deep}`)],
    ["white space", "notCanonical", (message) => `${canonicalJson(message)} `],
    ["a key said twice", "notCanonical", (message) => canonicalJson(message).replace("{", '{"f1Prior":41,')],
    ["plain text", "malformed", () => `I said ${canary}`],
    ["nothing", "malformed", () => ""],
    ["another device's report", "foreignDevice", (message) => canonicalJson({ ...message, device: "f".repeat(32) })],
  ];

  test.each(cases)("%s is refused as %s, counted once, and its content is nowhere", async (_name, reason, make) => {
    const body = make(device.metrics(1));
    await publishBytes(connection, device, new TextEncoder().encode(body));
    await publishReport(connection, device, device.metrics(2));
    await untilStored(1);
    await untilRefused({ reason, sizeBytes: body.length });
    const [everything] = await server.database.$queryRaw<{ text: string }[]>`
      SELECT (SELECT coalesce(string_agg(to_jsonb(r)::text, ' '), '') FROM "Report" r)
          || (SELECT coalesce(string_agg(to_jsonb(d)::text, ' '), '') FROM "DeadLetter" d)
          || (SELECT coalesce(string_agg(to_jsonb(c)::text, ' '), '') FROM "ReportConflict" c) AS text`;
    expect(everything?.text).not.toContain(canary);
  });

  test("bytes that are not UTF-8 are refused", async () => {
    await publishBytes(connection, device, Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d));
    await publishReport(connection, device, device.metrics(1));
    await untilStored(1);
    await untilRefused({ reason: "encoding", sizeBytes: 4 });
  });
});

describe("a hostile device", () => {
  const summary = () =>
    askServer(server.access, (client) => client.report.summary.query({ device: device.reply.device }));
  const bodyOf = (sequence: number, fields = {}) => canonicalBytes({ ...device.metrics(sequence), ...fields });

  test("that invents epochs stores nothing under them, and is shown to the fleet manager", async () => {
    for (let i = 0; i < 50; i++) {
      await publishBytes(connection, device, bodyOf(1, { epoch: i.toString(16).padStart(16, "f") }));
    }
    await publishReport(connection, device, device.metrics(1));
    await untilStored(1);
    await eventually(async () => expect((await summary()).deadLetters).toEqual({ unknownEpoch: 50 }));
    expect(await stored()).toBe(1);
  });

  test("that floods is refused with a few rows and a count of all", async () => {
    const garbage = Array.from({ length: 2_000 }, (_, i) => new TextEncoder().encode(`{"${i}`));
    for (let i = 0; i < garbage.length; i += 500) {
      await Promise.all(garbage.slice(i, i + 500).map((bytes) => publishBytes(connection, device, bytes)));
    }
    await publishReport(connection, device, device.metrics(1));
    await untilStored(1);
    // A batch that the broker delivers again counts again.
    await eventually(
      async () => expect((await summary()).deadLetters.malformed).toBeGreaterThanOrEqual(garbage.length),
      60_000,
    );
    const rows = await server.database.deadLetter.count({ where: { subjectDevice: device.reply.device } });
    expect(rows).toBeGreaterThan(0);
    // Each of the two lanes may have kept this many before it saw what the other had kept.
    expect(rows).toBeLessThanOrEqual(2 * keptPerDevice);
  });

  test("that has sent its day's quota is refused until the next day", async () => {
    const deviceId = device.reply.device;
    const today = Math.floor(Date.now() / 86_400_000);
    const setTaken = (day: number) =>
      server.database.deviceIntake.upsert({
        where: { deviceId },
        create: { deviceId, day, taken: reportsPerDay },
        update: { day, taken: reportsPerDay },
      });
    await setTaken(today);
    await publishReport(connection, device, device.metrics(1));
    await eventually(async () => expect((await summary()).deadLetters).toEqual({ overQuota: 1 }));
    await setTaken(today - 1);
    await publishReport(connection, device, device.metrics(2));
    await untilStored(1);
    expect(await server.database.deviceIntake.findUnique({ where: { deviceId } })).toMatchObject({ taken: 1 });
  });

  test("that was revoked and still has a connection stores nothing", async () => {
    await server.database.device.update({ where: { id: device.reply.device }, data: { revokedAt: new Date() } });
    await publishReport(connection, device, device.metrics(1));
    await eventually(async () => expect((await summary()).deadLetters).toEqual({ revokedDevice: 1 }));
    expect(await stored()).toBe(0);
  });
});

describe("killed in the middle", () => {
  const count = 4_000;

  /** Acts as an outbox does: an unacknowledged report is sent again, unchanged. */
  async function publishAll(sequences: readonly number[]): Promise<void> {
    let waiting = [...sequences];
    for (const deadline = Date.now() + 90_000; waiting.length > 0 && Date.now() < deadline; ) {
      const part = waiting.slice(0, 500);
      const sent = await Promise.allSettled(
        part.map((sequence) => publishReport(connection, device, device.metrics(sequence))),
      );
      const failed = part.filter((_, i) => sent[i]?.status === "rejected");
      waiting = [...failed, ...waiting.slice(500)];
    }
    expect(waiting).toEqual([]);
  }

  const sequences = Array.from({ length: count }, (_, i) => i + 1);

  async function expectEachOnce(): Promise<void> {
    await untilStored(count);
    const rows = await server.database.report.findMany({
      where: { deviceId: device.reply.device },
      select: { sequence: true },
      orderBy: { sequence: "asc" },
    });
    expect(rows.map((row) => row.sequence)).toEqual(sequences);
    expect(await server.database.reportConflict.count({ where: { deviceId: device.reply.device } })).toBe(0);
    expect(await server.database.deadLetter.count({ where: { subjectDevice: device.reply.device } })).toBe(0);
  }

  test("PostgreSQL: no report is lost and none counted twice", async () => {
    const publishing = publishAll(sequences);
    await eventually(async () => expect(await stored()).toBeGreaterThan(0));
    process.kill(server.app.pids().postgres as number, "SIGKILL");
    await publishing;
    await eventually(expectEachOnce, 90_000);
  });

  test("nats-server: no report is lost and none counted twice", async () => {
    const publishing = publishAll(sequences);
    await eventually(async () => expect(await stored()).toBeGreaterThan(0));
    process.kill(server.app.pids().nats as number, "SIGKILL");
    await publishing;
    await eventually(expectEachOnce, 90_000);
  });

  test("the server, stopped and started again: what it had in hand is stored by its successor", async () => {
    const publishing = publishAll(sequences);
    await eventually(async () => expect(await stored()).toBeGreaterThan(0));
    await server.restart();
    await publishing;
    await eventually(expectEachOnce, 90_000);
  });
});
