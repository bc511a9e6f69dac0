// The metrics of a real server, its database and its broker.

import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, publishReport, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

async function metrics(): Promise<string> {
  const headers = { authorization: `Bearer ${server.access.adminToken}` };
  return (await fetch(`${server.app.httpUrl}/metrics`, { headers })).text();
}

test("reports are counted by outcome, the lag ends at 0, one process holds the lease, and no device is named", async () => {
  const device = await enrolDevice(server, "home");
  const connection = await device.connect();
  for (const sequence of [1, 2]) await publishReport(connection, device, device.metrics(sequence));
  const text = await eventually(async () => {
    const now = await metrics();
    expect(now).toContain('attune_reports_total{outcome="stored"} 2\n');
    expect(now).toContain("attune_ingest_lag_messages 0\n");
    expect(now).toContain("attune_lease_held 1\n");
    return now;
  });
  await connection.close();
  expect(text).toMatch(/^attune_planner_seconds_count [1-9]\d*$/m);
  expect(text).not.toContain(device.reply.device);
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type] as const);
  expect(names).toHaveLength(7);
  for (const [name, type] of names) expect([name, name?.endsWith("_total")]).toEqual([name, type === "counter"]);
});
