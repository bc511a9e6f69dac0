// The catalogue's commands against a real server: models, aliases, tags and notes, each answer by its schema.

import { fileURLToPath } from "node:url";
import {
  aliasChangedSchema,
  comparisonSchema,
  modelDetailsSchema,
  modelSummarySchema,
  versionSummarySchema,
} from "@attune/shared/contracts/catalogue";
import { lineageSchema } from "@attune/shared/contracts/lineage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { performAttune } from "../attune-command.js";
import { createFleet, enrolDevice, publishReport, startTestServer, type TestServer } from "./harness.js";

const bundled = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const version of ["1.0.0", "1.1.0"]) await run("publish", bundled, "--model", "small", "--version", version);
  await run("publish", bundled, "--model", "other", "--version", "1.0.0");
});
afterAll(() => server?.stop());

async function perform(json: boolean, argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: () => undefined, json, isTty: false };
  expect(await performAttune([...argv, "--home", server.home.home], io)).toBe(0);
  return lines.join("\n");
}
const detailsSchema = versionSummarySchema.extend({
  release: z.looseObject({ kind: z.literal("release") }),
  lineage: lineageSchema.nullable(),
});
const run = async (...argv: string[]): Promise<unknown> => JSON.parse(await perform(true, argv));
const shown = (...argv: string[]): Promise<string> => perform(false, argv);
const setAlias = async (...argv: string[]) => aliasChangedSchema.parse(await run("alias", "set", ...argv));

describe("aliases", () => {
  test("name a release by its number, its version or another alias, and are visible in lists", async () => {
    expect(await setAlias("small@champion", "1")).toMatchObject({ release: 1, before: null });
    expect(await setAlias("small@candidate", "small@1.1.0")).toMatchObject({ release: 2, before: null });
    const { models } = z.strictObject({ models: z.array(modelSummarySchema) }).parse(await run("model", "list"));
    expect(models).toMatchObject([
      { model: "other", versions: 1, latestRelease: 3, aliases: [] },
      {
        model: "small",
        versions: 2,
        latestRelease: 2,
        aliases: [
          { alias: "candidate", release: 2 },
          { alias: "champion", release: 1 },
        ],
      },
    ]);
    expect(await shown("model", "list")).toContain("candidate=2,champion=1");
    expect(await shown("release", "list")).toMatch(/1 +small +1\.0\.0 +champion /);
    const details = modelDetailsSchema.parse(await run("model", "show", "small"));
    expect(details.versions.map(({ aliases }) => aliases)).toEqual([["champion"], ["candidate"]]);
    expect(await run("release", "show", "small@candidate")).toMatchObject({ sequence: 2 });
  });

  test("of changes that expect the same release, made at a time, exactly one is made", async () => {
    await setAlias("small@race", "1");
    const changes = await Promise.allSettled(
      ["2", "2", "2"].map((release) => setAlias("small@race", release, "--expect", "1")),
    );
    const refused = changes.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(2);
    for (const change of refused) expect(change).toMatchObject({ reason: { code: "CONFLICT" } });
    expect(await run("alias", "delete", "small@race")).toMatchObject({ before: 2, release: null });
    await expect(run("alias", "delete", "small@race")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("name releases of their own model alone", async () => {
    await expect(setAlias("other@champion", "1")).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(setAlias("nobodys@champion", "nobodys@1.0.0")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(run("model", "show", "nobodys")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("tags and a note", () => {
  const annotated = async (...argv: string[]) => versionSummarySchema.parse(await run("release", ...argv));

  test("are kept with a version, and change nothing that devices run", async () => {
    const before = await run("release", "show", "3");
    expect(await annotated("tag", "3", "nightly", "tested")).toMatchObject({ tags: ["nightly", "tested"] });
    expect(await annotated("tag", "3", "nightly", "--remove", "tested")).toMatchObject({ tags: ["nightly"] });
    expect(await annotated("note", "3", "the first of them")).toMatchObject({ note: "the first of them" });
    expect(await run("release", "show", "3")).toEqual({
      ...(before as object),
      tags: ["nightly"],
      note: "the first of them",
    });
    expect(await shown("release", "list")).toMatch(/3 +other +1\.0\.0 +– +nightly /);
    expect(await annotated("note", "3")).toMatchObject({ note: "" });
    expect(await shown("release", "tag", "3", "--remove", "nightly")).toBe("release 3: tags –");
  });

  test("are bounded", async () => {
    const many = Array.from({ length: 17 }, (_, i) => `t${i}`);
    await expect(run("release", "tag", "3", ...many.slice(0, 16))).resolves.toBeTruthy();
    await expect(run("release", "tag", "3", "another")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(run("release", "tag", "3", "Big")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(run("release", "note", "3", "x".repeat(1_001))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(run("release", "tag", "77", "t")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("lineage and comparison", () => {
  test("a release shows the lineage that it was published with, and publishing again adds a lineage that it lacks", async () => {
    const { lineage } = detailsSchema.parse(await run("release", "show", "1"));
    expect(lineage?.datasets.map(({ name }) => name)).toContain("emorynlp");
    const lines = await shown("release", "show", "small@1.0.0");
    expect(lines).toMatch(/^release 1: small 1\.0\.0, \d+ bytes\n/);
    expect(lines).toMatch(/\nbase: sentence-transformers\/all-MiniLM-L6-v2, commit unknown, licence apache-2\.0\n/);
    expect(lines).toMatch(/\nF1 priorHead: 0\.49\d\d\n/);
    await server.database.$executeRaw`UPDATE "ModelVersion" SET "lineage" = NULL WHERE "sequence" = 3`;
    expect(await shown("release", "show", "3")).toContain("\nlineage: unknown");
    await run("publish", bundled, "--model", "other", "--version", "1.0.0");
    expect(detailsSchema.parse(await run("release", "show", "3")).lineage).toEqual(lineage);
  });

  test("two releases of the same content differ by their manifests alone; a median time is that of the reports", async () => {
    const compare = async (from: string, to: string) =>
      comparisonSchema.parse(await run("release", "compare", from, to));
    const same = await compare("small@1.0.0", "small@1.1.0");
    expect(same.bytes.onTheWire).toBeLessThan(20_000);
    expect(same.files.every(({ same }) => same)).toBe(true);
    expect(same.f1.length).toBeGreaterThan(3);
    expect(same.latency).toEqual({ from: null, to: null });

    await createFleet(server, "home");
    const device = await enrolDevice(server, "home");
    const connection = await device.connect();
    await publishReport(connection, device, device.metrics(1, { releaseSequence: 2, predictP50: 4_000 }));
    await connection.close();
    await expect
      .poll(async () => (await compare("1", "2")).latency.to)
      .toEqual({ devices: 1, medianMicroseconds: 4_000 });
    expect(await shown("release", "compare", "1", "2")).toMatch(/\nprediction, µs +– +4000\n/);
    await expect(run("release", "compare", "1", "77")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
