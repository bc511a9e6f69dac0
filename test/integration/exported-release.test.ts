// Releases as folders between two servers, and publications that are interrupted.

import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportedSchema } from "@attune/server/client/exported-release";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { versionSummarySchema } from "@attune/shared/contracts/catalogue";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { performAttune } from "../attune-command.js";
import { startTestServer, type TestServer } from "./harness.js";

const bundled = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
let other: TestServer;
let scratch: string;
beforeAll(async () => {
  [server, other] = await Promise.all([startTestServer(), startTestServer()]);
  scratch = await mkdtemp(join(tmpdir(), "attune-export-"));
  const flags = ["--words", "joy=Freude", "--head", "elm:64:1"];
  await run(server, "publish", bundled, "--model", "small", "--version", "1.0.0", ...flags);
  await run(server, "release", "tag", "1", "tested");
  await run(server, "release", "note", "1", "a note");
});
afterAll(async () => {
  await server?.stop();
  await other?.stop();
  await rm(scratch, { recursive: true, force: true });
});
afterEach(() => vi.unstubAllGlobals());

async function run(of: TestServer, ...argv: string[]) {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: () => undefined, json: true, isTty: false };
  expect(await performAttune([...argv, "--home", of.home.home], io)).toBe(0);
  return JSON.parse(lines.join(""));
}

describe("an exported release", () => {
  test("is published by another server with the same content, words, recipe, lineage, tags and note", async () => {
    const folder = join(scratch, "small");
    const exported = exportedSchema.parse(await run(server, "release", "export", "small@1.0.0", folder));
    expect(exported).toMatchObject({ folder, sequence: 1, model: "small" });
    expect((await readdir(folder)).sort()).toEqual(
      [
        "README.md",
        "config.json",
        "dr.safetensors",
        "golden.json",
        "model.safetensors",
        "prior-head.safetensors",
        "release.json",
        "tokenizer.json",
      ].sort(),
    );
    expect(await readFile(join(folder, "model.safetensors"))).toEqual(
      await readFile(join(bundled, "model.safetensors")),
    );
    await run(other, "publish", bundled, "--model", "first", "--version", "1.0.0");
    const imported = versionSummarySchema.parse(await run(other, "release", "import", folder, "--days", "3"));
    expect(imported).toMatchObject({ sequence: 2, model: "small", tags: ["tested"], note: "a note" });
    expect(Date.parse(imported.expiresAt) - Date.parse(imported.issuedAt)).toBe(3 * 86_400_000);
    const [from, to] = [await run(server, "release", "show", "1"), await run(other, "release", "show", "2")];
    for (const field of ["files", "labels", "headRecipe", "features", "egressContractVersion"]) {
      expect(to.release[field]).toEqual(from.release[field]);
    }
    expect(to.lineage).toEqual(from.lineage);
    expect(await run(other, "release", "import", folder)).toEqual(imported);
    expect(await run(server, "release", "import", folder)).toMatchObject({ sequence: 1 });
    const again = run(server, "release", "export", "1", folder);
    await expect(again).rejects.toMatchObject({ code: "CONFLICT" });
  });

  test.each<[string, (folder: string) => Promise<void>, string]>([
    ["altered bytes", (folder) => appendFile(join(folder, "tokenizer.json"), " "), "tokenizer.json differs"],
    ["a missing file", (folder) => rm(join(folder, "golden.json")), "golden.json cannot be read"],
    ["no record", (folder) => rm(join(folder, "release.json")), "release export"],
    ["a damaged record", (folder) => writeFile(join(folder, "release.json"), '{"version":2}'), "release.json, version"],
  ])("with %s is not imported", async (what, damage, words) => {
    const [whole, folder] = [join(scratch, "whole"), join(scratch, what.replaceAll(" ", "-"))];
    await rm(whole, { recursive: true, force: true });
    await run(server, "release", "export", "1", whole);
    await cp(whole, folder, { recursive: true });
    await damage(folder);
    await expect(run(other, "release", "import", folder)).rejects.toMatchObject({
      code: "INVALID_EXTRACTOR",
      message: expect.stringContaining(words),
    });
  });
});

describe("a publication", () => {
  /** Counts uploads, and lets the network fail after some. */
  function watchUploads(failAfter = Number.POSITIVE_INFINITY) {
    const uploads = { sent: 0 };
    const { fetch } = globalThis;
    vi.stubGlobal("fetch", async (...args: Parameters<typeof fetch>) => {
      if (args[1]?.method === "PUT" && uploads.sent++ >= failAfter) throw new TypeError("fetch failed");
      return fetch(...args);
    });
    return uploads;
  }

  test("that was interrupted sends no chunk again, and the same content sends none", async () => {
    const fresh = await startTestServer();
    try {
      const input = { folder: bundled, model: "small", modelVersion: "1.0.0" };
      watchUploads(10);
      await expect(publishFolder(fresh.access, input)).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE" });
      vi.unstubAllGlobals();
      const resumed = watchUploads();
      const published = await publishFolder(fresh.access, input);
      vi.unstubAllGlobals();
      const { release } = await askServer(fresh.access, (client) => client.release.get.query({ sequence: 1 }));
      const chunks = new Set(release.files.flatMap((file) => file.chunks.map(({ sha256 }) => sha256)));
      expect(resumed.sent).toBe(chunks.size - 10);
      const repeated = watchUploads();
      expect(await publishFolder(fresh.access, input)).toEqual(published);
      await publishFolder(fresh.access, { ...input, modelVersion: "1.0.1" });
      expect(repeated.sent).toBe(0);
    } finally {
      await fresh.stop();
    }
  });
});
