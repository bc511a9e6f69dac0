// A staged rollout by command against a real server: planned, applied, watched, held, resumed, stopped and ended.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTinyRelease2 } from "@attune/fakes/tiny-release";
import { labelSetOf } from "@attune/shared/contracts/label-set";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import { createFleet, enrolDevice, startTestServer, type TestDevice, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

let server: TestServer;
let later = 0;
/** The releases: the earlier content, the new content, and the earlier content again. */
let earlier: number;
let release: number;
let fallback: number;
beforeAll(async () => {
  server = await startTestServer({ now: () => Date.now() + later });
  earlier = await publish("anger", "1.0.0");
  release = await publish("sadness", "2.0.0");
  fallback = await publish("anger", "3.0.0");
});
afterAll(() => server?.stop());

async function perform(json: boolean, argv: readonly string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const io = {
    stdout: (line: string) => void lines.push(line),
    stderr: (text: string) => void errors.push(text),
    json,
    isTty: false,
  };
  const code = await performAttune([...argv, "--home", server.home.home], io);
  return { code, text: lines.join("\n"), errors: errors.join("") };
}
const run = async (...argv: string[]) => JSON.parse((await perform(true, argv)).text);
const say = async (...argv: string[]) => (await perform(false, argv)).text;

async function publish(label: string, version: string): Promise<number> {
  const folder = join(server.home.home, `extractor-${version}`);
  await mkdir(folder);
  const { files } = createTinyRelease2({ labels: labelSetOf(["joy", label]) });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return (await run("publish", folder, "--model", "tiny", "--version", version)).sequence;
}

let polls = 0;
/** A device as the server sees it, which polls and says what it runs. */
async function poll(device: TestDevice, says: Parameters<TestDevice["poll"]>[0] = {}): Promise<number | undefined> {
  const target = await device.poll({ sequence: ++polls, state: "committed", releaseSequence: earlier, ...says });
  return target.release?.sequence;
}

async function fleetOf(name: string, count: number): Promise<TestDevice[]> {
  await createFleet(server, name);
  const devices: TestDevice[] = [];
  for (let i = 0; i < count; i++) devices.push(await enrolDevice(server, name));
  for (const device of devices) await poll(device);
  return devices;
}

const planFlags = (fleet: string) => ["--fleet", fleet, "--release", String(release), "--fallback", String(fallback)];
const planned = (fleet: string, ...flags: string[]) => run("rollout", "plan", ...planFlags(fleet), ...flags);
const statusOf = (fleet: string) => run("rollout", "status", "--fleet", fleet);
const groupStates = async (fleet: string) =>
  ((await statusOf(fleet)).groups as { state: string }[]).map(({ state }) => state);

describe("a plan", () => {
  test("shows devices, groups, bytes and exclusions, and becomes exactly the rollout that was shown", async () => {
    const devices = await fleetOf("shown", 3);
    const revoked = devices[2]!.reply.device;
    await run("device", "revoke", revoked);
    const plan = await planned("shown", "--groups", "1");
    expect(plan).toMatchObject({ fleet: "shown", devices: 2, fallback, fallbackContentOf: earlier });
    expect(plan.excluded).toEqual([{ device: revoked, reason: "revoked" }]);
    expect(plan.bytes).toBeGreaterThan(0);
    expect(plan.warnings).toHaveLength(2);
    const words = await say("rollout", "plan", ...planFlags("shown"), "--groups", "1");
    expect(words).toContain("left out: 1 revoked");
    expect(words).toMatch(/attune rollout apply --plan [0-9a-f]{64}$/);

    const started = await run("rollout", "apply", "--plan", plan.plan);
    expect(await run("rollout", "apply", "--plan", plan.plan)).toEqual(started);
    const places = await server.database.assignment.findMany({
      where: { rolloutId: started.rollout },
      orderBy: { rank: "asc" },
    });
    const shown = (plan.groups as { devices: string[] }[]).map((group) => group.devices);
    expect(shown.map((_, index) => places.filter(({ group }) => group === index).map((one) => one.deviceId))).toEqual(
      shown,
    );
    const busy = await planned("shown");
    expect((busy.excluded as { reason: string }[]).map(({ reason }) => reason).sort()).toEqual([
      "busy",
      "busy",
      "revoked",
    ]);
    expect(await server.database.auditEvent.count({ where: { action: "rollout.apply", subject: "shown" } })).toBe(1);
  });

  test("is refused once its fleet has changed, and where its fallback is none", async () => {
    await fleetOf("changed", 2);
    const { plan } = await planned("changed");
    await enrolDevice(server, "changed");
    const refused = { code: "CONFLICT", message: expect.stringContaining("has changed since this plan") };
    await expect(run("rollout", "apply", "--plan", plan)).rejects.toMatchObject(refused);
    const older = [
      "rollout",
      "plan",
      "--fleet",
      "changed",
      "--release",
      String(release),
      "--fallback",
      String(earlier),
    ];
    await expect(run(...older)).rejects.toMatchObject({ code: "CONFLICT" });
    const other = [
      "rollout",
      "plan",
      "--fleet",
      "changed",
      "--release",
      String(earlier),
      "--fallback",
      String(release),
    ];
    await expect(run(...other)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("the content of no release before"),
    });
    await expect(run("rollout", "apply", "--plan", "0".repeat(64))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("selects devices by what they are", async () => {
    const devices = await fleetOf("mixed", 2);
    const devicesOf = async (...flags: string[]) => (await planned("mixed", ...flags)).devices;
    expect(await devicesOf("--kind", "linux", "--engine", "reference", "--memory", "1024")).toBe(2);
    expect(await devicesOf("--kind", "jetson", "--kind", "phone")).toBe(0);
    expect(await devicesOf("--running", String(earlier), "--seen-within", "1h")).toBe(2);
    expect(await devicesOf("--running", "0")).toBe(0);
    await run("device", "tag", devices[0]!.reply.device, "site=berlin", "spare");
    expect(await devicesOf("--tag", "site=berlin", "--tag", "spare")).toBe(1);
    const { plan } = await planned("mixed", "--kind", "jetson");
    await expect(run("rollout", "apply", "--plan", plan)).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("an applied rollout", () => {
  test("is held, resumed and watched to its end, through a restart of the server", async () => {
    const devices = await fleetOf("watched", 4);
    await run("rollout", "apply", "--plan", (await planned("watched", "--groups", "2")).plan);
    expect((await Promise.all(devices.map((device) => poll(device)))).filter((one) => one === release)).toHaveLength(2);
    expect(await run("rollout", "pause", "--fleet", "watched")).toMatchObject({ status: "paused" });
    const paused = await perform(true, ["rollout", "watch", "--fleet", "watched", "--until", "paused"]);
    expect(paused).toMatchObject({ code: 3, text: expect.stringContaining('"outcome":"paused"') });
    const late = await perform(false, ["rollout", "watch", "--fleet", "watched", "--timeout", "0s"]);
    expect(late).toMatchObject({ code: 7, text: expect.stringContaining("timed out") });
    expect(await run("rollout", "resume", "--fleet", "watched")).toMatchObject({ status: "active" });

    const watch = perform(false, ["rollout", "watch", "--fleet", "watched"]);
    await server.restart();
    for (const state of ["passed,active", "passed,passed"]) {
      for (const device of devices) {
        if ((await poll(device)) === release) await poll(device, { releaseSequence: release });
      }
      await eventually(async () => expect((await groupStates("watched")).join()).toBe(state));
    }
    expect(await watch).toMatchObject({
      code: 0,
      text: expect.stringContaining("is completed: 4 of 4 devices run it"),
    });
    await expect(run("rollout", "pause", "--fleet", "watched")).rejects.toMatchObject({ code: "CONFLICT" });
  });

  test("takes in devices that enrol later, and keeps the limits that its plan set", async () => {
    await fleetOf("joined", 1);
    const flags = ["--intake", "--failures", "10", "--answers", "50", "--worse", "30"];
    const { rollout: id } = await run("rollout", "apply", "--plan", (await planned("joined", ...flags)).plan);
    expect(await poll(await enrolDevice(server, "joined"), { releaseSequence: 0 })).toBe(release);
    expect(await server.database.assignment.count({ where: { rolloutId: id } })).toBe(2);
    const limits = { failureLimit: 0.1, completeness: 0.5, harmBound: 0.3, intake: true };
    expect(await server.database.rollout.findUnique({ where: { id } })).toMatchObject(limits);
  });

  test("pauses inconclusive in silence, names who is missing, and goes back when it is aborted", async () => {
    const devices = await fleetOf("silent", 2);
    await run("rollout", "apply", "--plan", (await planned("silent", "--deadline", "1h")).plan);
    expect(await poll(devices[0]!)).toBe(release);
    later += 3_600_000;
    await eventually(async () => expect(await groupStates("silent")).toEqual(["inconclusive"]));
    const [{ missing }] = (await statusOf("silent")).groups;
    expect(missing).toEqual([devices[1]!.reply.device]);
    expect(await say("rollout", "status", "--fleet", "silent")).toContain(`group 1 misses ${missing[0]}`);
    expect(await run("rollout", "abort", "--fleet", "silent", "--revert")).toMatchObject({ status: "aborted" });
    expect(await poll(devices[0]!)).toBe(fallback);
    expect(await poll(devices[1]!)).toBeUndefined();
    const aborted = await perform(true, ["rollout", "watch", "--fleet", "silent"]);
    expect(aborted.code).toBe(1);
    const { kept } = await run("release", "collect", "--older-than", "0s", "--dry-run");
    expect((kept as { sequence: number }[]).map(({ sequence }) => sequence)).toContain(fallback);
  });
});
