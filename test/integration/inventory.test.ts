// The inventory on a real server: pre-tagged tokens, health, copies, timelines, and the end of a device.

import { askServer, type FleetClient } from "@attune/server/client/fleet-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, publishReport, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

let server: TestServer;
let nowMs = Date.now();

beforeAll(async () => {
  server = await startTestServer({ now: () => nowMs });
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

const ask = <T>(call: (client: FleetClient) => Promise<T>) => askServer(server.access, call);
async function listed(id: string) {
  return (await ask((client) => client.device.list.query())).find((device) => device.id === id);
}

test("each of fifty pre-tagged tokens enrols one device, which begins with the tags", async () => {
  const request = { fleet: "home", ttlMs: 60_000, count: 50, tags: ["site=berlin"] };
  const { tokens } = await ask((client) => client.token.create.mutate(request));
  expect(new Set(tokens).size).toBe(50);
  const { reply } = await enrolDevice(server, "home", { token: tokens[49]!.split(".")[2] });
  expect(await listed(reply.device)).toMatchObject({ tags: ["site=berlin"], health: "stale", copies: false });
  const again = enrolDevice(server, "home", { token: tokens[49]!.split(".")[2] });
  await expect(again).rejects.toMatchObject({ code: "TOKEN_USED" });
});

test("a device that polls is online, and stale once it is silent", async () => {
  const device = await enrolDevice(server, "home");
  await device.poll({ sequence: 1 });
  expect(await listed(device.reply.device)).toMatchObject({ health: "online", copies: false });
  nowMs += 11 * 60_000;
  expect(await listed(device.reply.device)).toMatchObject({ health: "stale" });
});

test("a device restored twice is not taken for copies; two copies whose epochs displace each other are", async () => {
  const device = await enrolDevice(server, "home");
  const id = device.reply.device;
  nowMs += 1_000;
  await device.poll({ sequence: 1 });
  for (const epoch of ["1", "2"]) await device.poll({ epoch: epoch.repeat(16), sequence: 1 });
  expect(await listed(id)).toMatchObject({ copies: false });
  await device.poll({ epoch: "3".repeat(16), sequence: 1 });
  expect(await listed(id)).toMatchObject({ copies: true });
});

test("the timeline has what the server, the poll and the reports say; a decommissioned device keeps it and never returns", async () => {
  const device = await enrolDevice(server, "home");
  const id = device.reply.device;
  const connection = await device.connect();
  await device.poll({ sequence: 1 });
  await publishReport(connection, device, device.metrics(1));
  const timeline = () => ask((client) => client.device.timeline.query({ device: id, limit: 100 }));
  await eventually(async () => {
    expect((await timeline()).entries.map(({ source }) => source)).toContain("report");
  });
  await connection.close();
  await ask((client) => client.device.decommission.mutate({ device: id }));
  await expect(device.poll({ sequence: 2 })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(await listed(id)).toBeUndefined();
  const gone = await ask((client) => client.device.list.query({ decommissioned: true }));
  expect(gone.map((one) => one.id)).toEqual([id]);
  const words = (await timeline()).entries.map(({ what }) => what);
  expect(words).toEqual(
    expect.arrayContaining([
      "enrolled",
      "report.metrics 1 on release 1",
      "runs release 0, state idle, reason none",
      "device.decommission by owner",
    ]),
  );
});
