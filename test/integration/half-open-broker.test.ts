// The server's connection to its broker dies without a sign. The server notices, opens another, and
// stores every report once.

import { openLink, type TroubledLink } from "@attune/fakes/troubled-link";
import type { Nats } from "@attune/server/platform/nats/nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, publishReport, startTestServer, type TestServer } from "./harness.js";
import { eventually, startTestNats } from "./temporary-home.js";

let broker: Nats;
let link: TroubledLink;
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    natsPingIntervalMs: 200,
    broker: async (home) => {
      broker = await startTestNats(home);
      link = await openLink(Number(new URL(broker.url).port));
      return { url: `nats://127.0.0.1:${link.port}`, publicUrl: broker.url };
    },
  });
  await createFleet(server, "home");
});
afterAll(async () => {
  await server?.stop();
  await link?.close();
  await broker?.stop();
});

test.each(["losesAnswers", "losesQuestions"] as const)(
  "a connection that %s is replaced, and the reports of that time are neither lost nor doubled",
  async (loss) => {
    const device = await enrolDevice(server, "home");
    const connection = await device.connect();
    const sequences = async () => {
      const rows = await server.database.report.findMany({ where: { deviceId: device.reply.device } });
      return rows.map(({ sequence }) => sequence).sort((one, other) => one - other);
    };
    try {
      await publishReport(connection, device, device.metrics(1));
      await eventually(async () => expect(await sequences()).toEqual([1]));
      const before = link.connections;
      link[loss] = true;
      await publishReport(connection, device, device.metrics(2));
      // The dead link reports nothing. The server gives its connections up by itself and opens others.
      await eventually(async () => expect(link.connections).toBeGreaterThan(before));
      link[loss] = false;
      await publishReport(connection, device, device.metrics(3));
      await eventually(async () => expect(await sequences()).toEqual([1, 2, 3]));
      const refused = { where: { subjectDevice: device.reply.device } };
      expect(await server.database.deadLetter.count(refused)).toBe(0);
      expect(await server.database.reportConflict.count({ where: { deviceId: device.reply.device } })).toBe(0);
    } finally {
      link[loss] = false;
      await connection.close();
    }
  },
);
