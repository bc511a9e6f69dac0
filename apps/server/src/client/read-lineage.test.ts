import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readLineage } from "./read-lineage.js";

const bundled = fileURLToPath(new URL("../../../../assets/extractor", import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-lineage-"));
});
afterEach(() => rm(folder, { recursive: true }));
const write = (name: string, content: unknown) =>
  writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));

describe("the lineage of a folder", () => {
  test("holds the bundled extractor's checkpoint, datasets, run with its curves, scores and card, and no person", async () => {
    const lineage = (await readLineage(bundled))!;
    const record = JSON.parse(await readFile(join(bundled, "run.json"), "utf8"));
    expect(lineage.base).toMatchObject({ source: record.checkpoint.source, commit: null, licence: "apache-2.0" });
    expect(lineage.base?.files).toHaveLength(5);
    expect(lineage.datasets).toEqual(record.data);
    expect(lineage.run).toMatchObject({ fingerprint: record.fingerprint, recipe: record.recipe, seed: 1 });
    expect([lineage.run?.curve.length, lineage.run?.evaluations.length]).toEqual([198, 2]);
    expect(lineage.f1).toMatchObject({ priorDev: record.frozen.priorDevF1, priorHead: record.evaluation.priorHead });
    expect(lineage.card).toBe(await readFile(join(bundled, "README.md"), "utf8"));
    expect(JSON.stringify({ ...lineage, card: null })).not.toContain("Joey");
  });

  test("of an imported checkpoint names its commit, and no run", async () => {
    const commit = "c".repeat(40);
    const files = [{ name: "model.safetensors", sizeBytes: 3, sha256: "a".repeat(64) }];
    await write("import.json", { version: 1, source: `hf:owner/name@${commit}`, files, frozen: { priorDevF1: 0.5 } });
    expect(await readLineage(folder)).toEqual({
      version: 1,
      base: {
        source: `hf:owner/name@${commit}`,
        commit,
        licence: null,
        files: [{ name: "model.safetensors", sha256: "a".repeat(64) }],
      },
      datasets: [],
      run: null,
      f1: { priorDev: 0.5 },
      card: null,
    });
  });

  test("is unknown without a record, and a damaged record is refused by file and field", async () => {
    expect(await readLineage(folder)).toBeUndefined();
    await write("README.md", "a card alone");
    expect(await readLineage(folder)).toBeUndefined();
    await write("import.json", { source: 3 });
    await expect(readLineage(folder)).rejects.toMatchObject({
      code: "INVALID_EXTRACTOR",
      message: expect.stringContaining("import.json, source"),
    });
    await write("import.json", "{");
    await expect(readLineage(folder)).rejects.toMatchObject({ code: "INVALID_EXTRACTOR" });
  });
});
