// Collection against a real server. A named release stays, and a collected release can be published again. The next
// collection completes one that was killed half-way.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTinyRelease2 } from "@attune/fakes/tiny-release";
import { askServer } from "@attune/server/client/fleet-client";
import { type Collection, collectionSchema } from "@attune/shared/contracts/catalogue";
import { labelSetOf } from "@attune/shared/contracts/label-set";
import { chunkPath, type Release } from "@attune/shared/contracts/release";
import { dayMs } from "@attune/shared/time";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import { createFleet, enrolDevice, startTestServer, type TestServer } from "./harness.js";

let server: TestServer;
let later = 0;
beforeAll(async () => {
  server = await startTestServer({ now: () => Date.now() + later });
  await createFleet(server, "home");
});
afterAll(() => server?.stop());

async function perform(json: boolean, argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: () => undefined, json, isTty: false };
  expect(await performAttune([...argv, "--home", server.home.home], io)).toBe(0);
  return lines.join("\n");
}
const run = async (...argv: string[]) => JSON.parse(await perform(true, argv));
const collect = async (...flags: string[]): Promise<Collection> =>
  collectionSchema.parse(await run("release", "collect", ...flags));

let count = 0;
/** A release with labels of its own, so that some of its chunks are its own. */
async function publish(model: string, ...flags: string[]): Promise<{ sequence: number; folder: string }> {
  const folder = join(server.home.home, `extractor-${++count}`);
  await mkdir(folder);
  const { files } = createTinyRelease2({ labels: labelSetOf(["calm", `tense${count}`]) });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  const { sequence } = await run("publish", folder, "--model", model, "--version", "1.0.0", ...flags);
  return { sequence, folder };
}
const releaseOf = async (sequence: number): Promise<Release> =>
  (await run("release", "show", String(sequence))).release;
const chunksOf = (release: Release) =>
  new Set(release.files.flatMap(({ chunks }) => chunks.map(({ sha256 }) => sha256)));
const isServed = async (sha256: string) => (await fetch(`${server.access.httpUrl}${chunkPath(sha256)}`)).status === 200;
const storedChunks = async () =>
  (await readdir(server.home.chunks, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

describe("a collection", () => {
  test("frees what nothing names, and keeps aliases, rollouts, devices' releases and fallbacks", async () => {
    const fallback = await publish("fallback");
    const aliased = await publish("aliased", "--fallback", String(fallback.sequence));
    const superseded = await publish("superseded");
    const offered = await publish("offered");
    const rolled = await publish("rolled");
    const free = await publish("free");
    await run("alias", "set", "aliased@champion", String(aliased.sequence));
    const [one, two] = [await enrolDevice(server, "home"), await enrolDevice(server, "home")];
    for (const { sequence } of [superseded, offered, rolled]) {
      await run("rollout", "create", "--fleet", "home", "--release", String(sequence));
      if (sequence === superseded.sequence) continue;
      const device = sequence === offered.sequence ? one : two;
      await device.poll({ sequence: 1 });
      await server.database.device.update({
        where: { id: device.reply.device },
        data: { offeredSequence: sequence },
      });
    }
    const [gone, stays] = [chunksOf(await releaseOf(free.sequence)), chunksOf(await releaseOf(aliased.sequence))];
    expect((await collect()).collected).toEqual([]);

    later = 8 * dayMs;
    const planned = await collect("--dry-run");
    const numbers = ({ collected }: Collection) => collected.map(({ sequence }) => sequence);
    expect(numbers(planned)).toEqual([superseded.sequence, free.sequence]);
    for (const sha256 of gone) expect(await isServed(sha256)).toBe(true);
    const done = await collect();
    expect(done).toEqual({ ...planned, dryRun: false });
    expect(done.freedChunks).toBeGreaterThan(0);
    expect(done.kept.map(({ sequence, namedBy }) => [sequence, namedBy])).toEqual([
      [fallback.sequence, ["fallback"]],
      [aliased.sequence, ["alias"]],
      [offered.sequence, ["device"]],
      [rolled.sequence, ["rollout", "device"].sort().reverse()],
    ]);
    for (const sha256 of stays) expect(await isServed(sha256)).toBe(true);
    const own = [...gone].filter((sha256) => !stays.has(sha256));
    expect(own.length).toBeGreaterThan(0);
    for (const sha256 of own) expect(await isServed(sha256)).toBe(false);
    expect(await perform(false, ["release", "list"])).toMatch(new RegExp(`${free.sequence} +free .*collected`));
    expect(await collect()).toMatchObject({ collected: [], freedChunks: 0 });
  });

  test("makes a collected release unnameable until the same content is published again", async () => {
    const { sequence, folder } = await publish("again");
    later += 8 * dayMs;
    await collect();
    const number = String(sequence);
    for (const argv of [
      ["alias", "set", "again@champion", number],
      ["rollout", "create", "--fleet", "home", "--release", number],
      ["publish", folder, "--model", "other", "--version", "1.0.0", "--fallback", number],
    ]) {
      await expect(run(...argv)).rejects.toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining("collected"),
      });
    }
    const before = await releaseOf(sequence);
    expect(await run("publish", folder, "--model", "again", "--version", "1.0.0")).toMatchObject({
      sequence,
      collectedAt: null,
    });
    expect(await releaseOf(sequence)).toEqual(before);
    for (const sha256 of chunksOf(before)) expect(await isServed(sha256)).toBe(true);
    later += 8 * dayMs;
    expect((await collect()).collected.map((one) => one.sequence)).toContain(sequence);
  });

  test("that was killed after its marks is completed by the next, and frees uploads that were never published", async () => {
    const { sequence } = await publish("marked");
    later += 8 * dayMs;
    await server.database.modelVersion.update({ where: { sequence }, data: { collectedAt: new Date() } });
    const present = await storedChunks();
    const result = await collect();
    expect(result.collected.map((one) => one.sequence)).not.toContain(sequence);
    expect(result.freedChunks).toBeGreaterThan(0);
    expect(await storedChunks()).toHaveLength(present.length - result.freedChunks);
  });

  test("never collects a release that is named at the same moment", async () => {
    for (let round = 0; round < 8; round++) {
      const { sequence } = await publish(`race-${round}`);
      later += 8 * dayMs;
      const name = { model: `race-${round}`, alias: "champion", release: { sequence } };
      const [named] = await Promise.allSettled([
        askServer(server.access, (client) => client.model.setAlias.mutate(name)),
        collect(),
      ]);
      const { collectedAt } = await run("release", "show", String(sequence));
      expect(collectedAt === null).toBe(named.status === "fulfilled");
    }
  });
});
