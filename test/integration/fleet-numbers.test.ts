// The fleet manager's numbers under version 2 of the egress contract, from stored reports: averages, verdicts, and no
// count of one device.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createJournal, type JournalMessage } from "@attune/fakes/journal";
import { noisyMean, noisyMeanDifference } from "@attune/ml/privacy/noisy-mean";
import { askServer } from "@attune/server/client/fleet-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import {
  createFleet,
  enrolDevice,
  publishReport,
  startTestServer,
  type TestDevice,
  type TestServer,
} from "./harness.js";
import { eventually } from "./temporary-home.js";

const release = 3;
const verdicts = ["better", "same", "worse", "tooLittle", "better", "better"];
let server: TestServer;
let devices: TestDevice[];

beforeAll(async () => {
  server = await startTestServer();
  await createFleet(server, "home");
  await createFleet(server, "work");
  const expiresAt = new Date(Date.now() + 86_400_000);
  await server.database.registeredModel.create({ data: { name: "tiny" } });
  await server.database.modelVersion.create({
    data: {
      ...{ sequence: release, modelName: "tiny", version: "1.0.0", manifest1Sha256: "a".repeat(64) },
      ...{ featureIdentity: "b".repeat(64), issuedAt: new Date(), expiresAt },
    },
  });
  for (const fleet of ["home", "work"]) {
    await askServer(server.access, (client) => client.rollout.create.mutate({ fleet, releaseSequence: release }));
  }
  devices = [];
  for (const [i, verdict] of verdicts.entries()) {
    const device = await enrolDevice(server, "home", { contract: 2 });
    devices.push(device);
    await device.poll({ releaseSequence: 2, state: "testing" });
    await report(device, saidBy(i, verdict));
  }
  const other = await enrolDevice(server, "work", { contract: 2 });
  await report(other, [
    { type: "report.slot", slot: 1, rightPrior: 40, rightAnswering: 40 },
    // A hostile device may speak of a release that its fleet never had.
    { type: "report.slot", slot: 2, rightPrior: 54, rightAnswering: 54, releaseSequence: 9_999 },
  ]);
});
afterAll(async () => {
  await server?.stop();
});

/** The reports of the device at this place, before they have an identity. */
function saidBy(place: number, verdict: string) {
  return [
    { type: "report.slot", slot: 1, rightPrior: 0, rightAnswering: 0 },
    { type: "report.slot", slot: 2, rightPrior: 20 + 2 * place, rightAnswering: 30 },
    // A slot without a block leaves the latest block as it was.
    { type: "report.slot", slot: 3, rightPrior: null, rightAnswering: null },
    { type: "report.verdict", verdict },
  ];
}

/** Publishes reports one after the other, each once the one before is stored. */
async function report(device: TestDevice, said: readonly (Readonly<Record<string, unknown>> & { type: string })[]) {
  const connection = await device.connect();
  for (const [i, { type, ...fields }] of said.entries()) {
    await publishReport(connection, device, device.say(type, { releaseSequence: release, sequence: i + 1, ...fields }));
    const where = { deviceId: device.reply.device };
    await eventually(async () => expect(await server.database.report.count({ where })).toBe(i + 1));
  }
  await connection.close();
}

async function attune(...argv: string[]): Promise<string> {
  const lines: string[] = [];
  const io = { stdout: (line: string) => lines.push(line), stderr: () => {}, json: false, isTty: false };
  expect(await performAttune([...argv, "--home", server.home.home], io)).toBe(0);
  return lines.join("\n");
}

test("an average takes each device's latest block, and a fleet of one device has none", async () => {
  const prior = [20, 22, 24, 26, 28, 30];
  const answering = prior.map(() => 30);
  const averages = {
    prior: noisyMean(prior),
    answering: noisyMean(answering),
    difference: noisyMeanDifference(answering, prior),
  };
  const home = { fleet: "home", releaseSequence: release, devices: 6, averages };
  const work = { fleet: "work", releaseSequence: release, devices: 1, averages: null };
  const ask = (input: { fleet?: string }) => askServer(server.access, (client) => client.report.averages.query(input));
  expect(await ask({})).toEqual({ minDevices: 5, releases: [home, work] });
  expect(await ask({ fleet: "work" })).toEqual({ minDevices: 5, releases: [work] });
  const shown = await attune("report", "averages");
  expect(shown).toMatch(/^home +3 +6 +50\.0% \[42\.\d, 57\.\d\] +60\.0% \[.*\] +10\.0% \[2\.\d, 17\.\d\]$/m);
  expect(shown).toMatch(/^work +3 +1 +too few devices +– +–$/m);
});

test("a verdict decides a device's standing, and the words are counted over the fleet", async () => {
  const status = await askServer(server.access, (client) => client.rollout.status.query({ fleet: "home" }));
  expect(status.counts).toMatchObject({ devices: 6, committed: 5, rejected: 1, underway: 0 });
  expect(status.verdicts).toEqual({ better: 3, same: 1, worse: 1, tooLittle: 1 });
  const shown = await attune("rollout", "status", "--fleet", "home");
  expect(shown).toContain("verdicts: 3 better, 1 the same, 1 worse, 1 on too few labels");
});

test("no list shows a count or a verdict of one device", async () => {
  const { reply } = devices[2]!;
  const list = await askServer(server.access, (client) =>
    client.report.list.query({ device: reply.device, limit: 10 }),
  );
  expect(list.map(({ type }) => type).sort()).toEqual([...Array(3).fill("report.slot"), "report.verdict"]);
  expect(JSON.stringify(list)).not.toMatch(/right|worse/);
  const shown = await attune("report", "list", "--device", reply.device);
  expect(shown).toContain("slot 2");
  expect(shown).not.toMatch(/worse|\b24\b|\b30\b/);
  const summary = await askServer(server.access, (client) => client.report.summary.query({ device: reply.device }));
  expect(summary.devices).toMatchObject([{ device: reply.device, slots: 3, verdicts: 1, latestMetrics: null }]);
});

test("an audit holds a device's journal to the padded bytes that the server received, and states the bits about the person", async () => {
  const device = devices[0]!;
  const said = saidBy(0, verdicts[0]!).map(({ type, ...fields }, i) =>
    device.say(type, { releaseSequence: release, sequence: i + 1, ...fields }),
  );
  const path = join(server.home.home, "journal.json");
  await writeFile(path, JSON.stringify(createJournal(said as JournalMessage[])));
  const shown = await attune("audit", "--journal", path);
  expect(shown.split("\n")).toEqual([
    `device ${device.reply.device}: consistent`,
    `4 messages left it, ${3 * 384 + 320} bytes; together they can say at most 31.4 bits`,
    "about the person at most 31.4 bits, which could spell 21 letters",
    "the last slot, number 3, has 11.8 of them, or 8 letters",
  ]);
});

test("a revoked device counts in no average and among no verdicts", async () => {
  const { device } = devices[5]!.reply;
  await askServer(server.access, (client) => client.device.revoke.mutate({ device }));
  const { releases } = await askServer(server.access, (client) => client.report.averages.query({ fleet: "home" }));
  expect(releases).toMatchObject([{ devices: 5, averages: { prior: { mean: 24 / 50, values: 5 } } }]);
  const { verdicts } = await askServer(server.access, (client) => client.rollout.status.query({ fleet: "home" }));
  expect(verdicts).toEqual({ better: 2, same: 1, worse: 1, tooLittle: 1 });
});
