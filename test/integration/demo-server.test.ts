// The demo's server process, stopped before it was ready and too busy to stop by itself: none
// of its processes survives.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { superviseServer } from "@attune/demo/server-process";
import { identifyProcess } from "@attune/platform/process-identity";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { demoContract } from "@attune/shared/contracts/egress";
import { expect, test } from "vitest";
import { createFleet, enrolDevice, startTestServer } from "./harness.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

const extractor = fileURLToPath(new URL("../../assets/extractor", import.meta.url));

test("a server that does not stop in time is killed, and its PostgreSQL and nats-server are stopped after it", async () => {
  const home = await makeTemporaryHome();
  const ports = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const server = superviseServer({
    home: home.home,
    env: { PATH: process.env.PATH ?? "", ...ports },
    onRestart: () => undefined,
    stopGraceMs: 300,
  });
  const pidOf = async (file: string) => {
    const pid = Number((await readFile(join(home.server, file), "utf8")).split("\n")[0]);
    expect(pid).toBeGreaterThan(0);
    expect(await identifyProcess(pid)).toBeDefined();
    return pid;
  };
  try {
    const children = await eventually(
      () => Promise.all([pidOf("nats/nats-server.pid"), pidOf("postgres/postmaster.pid")]),
      90_000,
    );
    const stuck = server.pid()!;
    process.kill(stuck, "SIGSTOP");
    await server.stop();
    for (const pid of [stuck, ...children]) expect(await identifyProcess(pid)).toBeUndefined();
  } finally {
    await server.stop();
    await home.remove();
  }
});

test("attune server --demo, and no other server, takes the contract with the fast clock", async () => {
  const home = await makeTemporaryHome();
  const ports = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const options = { home: home.home, env: { PATH: process.env.PATH ?? "", ...ports }, onRestart: () => undefined };
  const server = superviseServer(options);
  try {
    const { httpUrl } = await eventually(async () => JSON.parse(await readFile(home.readyFile, "utf8")), 90_000);
    const access = { httpUrl, adminToken: (await readFile(home.adminTokenFile, "utf8")).trim() };
    await createFleet({ access }, "home");
    const { sequence } = await publishFolder(access, { folder: extractor, model: "mine", modelVersion: "1.0.0" });
    const { release } = await askServer(access, (client) => client.release.get.query({ sequence }));
    expect(release.egressContractVersion).toBe(demoContract);
    const device = await enrolDevice({ access }, "home", { contract: demoContract });
    expect(device.reply.egressContractVersion).toBe(demoContract);
    expect(await device.poll()).toMatchObject({ sequence: 1 });
  } finally {
    await server.stop();
    await home.remove();
  }
  const usual = await startTestServer();
  await createFleet(usual, "home");
  const refused = enrolDevice(usual, "home", { contract: demoContract });
  await expect(refused).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("taken here: 1, 2"),
  });
  const demonstrated = { folder: extractor, model: "mine", modelVersion: "1.0.0", egressContractVersion: demoContract };
  await expect(publishFolder(usual.access, demonstrated)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  const own = await publishFolder(usual.access, { folder: extractor, model: "mine", modelVersion: "1.0.0" });
  const { release } = await askServer(usual.access, (client) => client.release.get.query({ sequence: own.sequence }));
  expect(release.egressContractVersion).toBe(2);
  await usual.stop();
});
