import { createTinyRelease2 } from "@attune/fakes/tiny-release";
import { labelSetOf } from "@attune/shared/contracts/label-set";
import type { Lineage } from "@attune/shared/contracts/lineage";
import type { Release } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";
import { type ComparedVersion, compareVersions } from "./compare.js";

const compared = (release: Release, more: Partial<ComparedVersion> = {}): ComparedVersion => ({
  release,
  manifestBytes: 1_000,
  lineage: null,
  latency: null,
  ...more,
});
const { release } = createTinyRelease2({ labels: labelSetOf(["calm", "tense"]) });
const lineage = (f1: Lineage["f1"]): Lineage => ({ version: 1, base: null, datasets: [], run: null, f1, card: null });

describe("a comparison", () => {
  test("of the same content costs the manifest alone on the wire", () => {
    const { bytes, files, labels, sameFeatures } = compareVersions(compared(release), compared(release));
    expect(bytes.onTheWire).toBe(1_000);
    expect(bytes.from).toBe(bytes.to);
    expect(files.every(({ same, onTheWireBytes }) => same && onTheWireBytes === 0)).toBe(true);
    expect({ labels, sameFeatures }).toEqual({
      labels: { added: [], removed: [], reworded: [] },
      sameFeatures: true,
    });
  });

  test("counts each chunk that the first lacks once, and none that any of its files has", () => {
    const chunk = (name: string, sizeBytes: number) => ({ sha256: name.repeat(64), sizeBytes });
    const withModel = (hash: string, chunks: Release["files"][number]["chunks"]): Release => ({
      ...release,
      files: release.files.map((file) =>
        file.name === "model.safetensors" ? { ...file, sha256: hash.repeat(64), chunks } : file,
      ),
    });
    const from = withModel("1", [chunk("a", 10), chunk("b", 20)]);
    const to = withModel("2", [chunk("b", 20), chunk("c", 7), chunk("c", 7), chunk("a", 10)]);
    const { bytes, files } = compareVersions(compared(from), compared(to));
    expect(bytes.onTheWire).toBe(1_007);
    expect(files.filter(({ same }) => !same)).toMatchObject([{ name: "model.safetensors", onTheWireBytes: 7 }]);
  });

  test("shows labels that were added, removed and reworded, scores of either side, and unknown ones as null", () => {
    const to = { ...release, labels: labelSetOf(["calm", "tired"], { calm: "At ease" }) };
    const comparison = compareVersions(
      compared(release, { lineage: lineage({ priorDev: 0.5, old: 0.1 }) }),
      compared(to, { lineage: lineage({ priorDev: 0.6 }), latency: { devices: 2, medianMicroseconds: 4_000 } }),
    );
    expect(comparison.labels).toEqual({ added: ["tired"], removed: ["tense"], reworded: ["calm"] });
    expect(comparison.f1).toEqual([
      { name: "priorDev", from: 0.5, to: 0.6 },
      { name: "old", from: 0.1, to: null },
    ]);
    expect(comparison.latency).toEqual({ from: null, to: { devices: 2, medianMicroseconds: 4_000 } });
  });
});
