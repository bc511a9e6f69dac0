// A device whose store was put back to an earlier copy, on a real server. No report of any epoch is lost or doubted.

import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, publishReport, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

test("reports of a new epoch count, and so do those of the epoch before that come late", async () => {
  const device = await enrolDevice(server, "home");
  const { device: id } = device.reply;
  const connection = await device.connect();
  const next = "fedcba9876543210";
  try {
    await device.poll({ sequence: 5 });
    for (const sequence of [1, 2]) await publishReport(connection, device, device.metrics(sequence));
    await eventually(async () => expect(await device.poll({ sequence: 5 })).toMatchObject({ reports: 2 }));
    expect(await device.poll({ sequence: 3 })).toMatchObject({ beginEpoch: true });
    expect(await device.poll({ epoch: next, sequence: 1 })).toMatchObject({ beginEpoch: false, reports: 0 });
    // This report would have been a second one under a taken name with the old numbers.
    await publishReport(connection, device, device.metrics(1, { epoch: next, f1Personal: 61 }));
    await publishReport(connection, device, device.metrics(3));
    await eventually(async () => {
      const rows = await server.database.report.findMany({ where: { deviceId: id } });
      const names = rows.map(({ epoch, sequence }) => `${epoch}/${sequence}`).sort();
      expect(names).toEqual([`${next}/1`, ...[1, 2, 3].map((n) => `${device.epoch}/${n}`)].sort());
    });
    expect(await server.database.reportConflict.count({ where: { deviceId: id } })).toBe(0);
    expect(await server.database.deadLetter.count({ where: { subjectDevice: id } })).toBe(0);
  } finally {
    await connection.close();
  }
});
