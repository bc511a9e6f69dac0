// Manifests of both versions, and the one view that readers have of them.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../canonical-json.js";
import { signedEnvelopeSchema } from "../trust/signed.js";
import { readGolden } from "./golden.js";
import { labelSetOf } from "./label-set.js";
import { type Release1, type Release2, release1Schema, release2Schema, releaseSchema, sizesOf } from "./release.js";

const wireOf = (version: 1 | 2): Readonly<Record<"manifest" | "golden", string>> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/release-${version}/wire.json`, import.meta.url), "utf8"));
const payloadOf = (manifest: string) => signedEnvelopeSchema.parse(JSON.parse(manifest)).payload;

/** A manifest as a server of version 1 wrote it. */
const earlier = payloadOf(wireOf(1).manifest) as Release1;

const { version: _version, labels: _labels, ...fields } = release1Schema.parse(earlier);
const own: Release2 = {
  ...fields,
  version: 2,
  labels: labelSetOf(["calm", "tense", "tired"], { tense: "On edge" }),
  fallback: null,
  sizes: sizesOf(fields.files),
};
const refusal = (change: Partial<Record<keyof Release2, unknown>>) => {
  const parsed = releaseSchema.safeParse({ ...own, ...change });
  return parsed.success ? undefined : JSON.stringify(parsed.error.issues);
};

describe("a manifest of version 1", () => {
  test("is read as it was written, byte for byte", () => {
    const { manifest } = wireOf(1);
    const { signatures } = JSON.parse(manifest);
    expect(canonicalJson({ payload: release1Schema.parse(earlier), signatures })).toBe(manifest);
  });

  test("is seen with its labels' names as their words, no fallback, and sizes counted from its files", () => {
    const release = releaseSchema.parse(earlier);
    expect(release.labels).toEqual(labelSetOf(earlier.labels));
    expect(release.fallback).toBeNull();
    expect(release.sizes).toEqual(sizesOf(release.files));
    expect(release.files).toEqual(earlier.files);
  });

  test("has no other labels than the seven", () => {
    expect(releaseSchema.safeParse({ ...earlier, labels: ["calm", "tense"] }).success).toBe(false);
  });
});

describe("a manifest of version 2", () => {
  test("is read as it was written", () => {
    expect(releaseSchema.parse(JSON.parse(canonicalJson(own)))).toEqual(own);
    expect(canonicalJson(release2Schema.parse(own))).toBe(canonicalJson(own));
  });

  test("of the first servers that wrote it is read, byte for byte, and so are its golden vectors", () => {
    const { manifest, golden } = wireOf(2);
    const { signatures } = JSON.parse(manifest);
    const payload = release2Schema.parse(payloadOf(manifest));
    expect(canonicalJson({ payload, signatures })).toBe(manifest);
    expect(payload).toMatchObject({
      sequence: 4,
      fallback: 2,
      labels: labelSetOf(["calm", "tense", "tired"], { calm: "At ease", tense: "On edge", tired: "疲れた" }),
    });
    const read = readGolden(new TextEncoder().encode(golden));
    const [first] = read.ok ? read.value.vectors : [];
    expect(first).toEqual({
      ids: [2, 18, 22, 6, 3],
      features: [
        -2.2418212890625, -2.7008056640625, 1.010498046875, 1.314453125, -1.4364013671875, 0.536865234375,
        0.447509765625, 0.4844970703125,
      ],
    });
  });

  test("falls back to an earlier release alone", () => {
    const { sequence } = own;
    expect(refusal({ fallback: sequence })).toContain("is not an earlier release");
    expect(refusal({ sequence: sequence + 1, fallback: sequence })).toBeUndefined();
  });

  test("states the sum of its files as the size of the download", () => {
    const { downloadBytes, residentBytes } = own.sizes;
    expect(downloadBytes).toBe(own.files.reduce((sum, file) => sum + file.sizeBytes, 0));
    expect(refusal({ sizes: { downloadBytes: downloadBytes - 1, residentBytes } })).toContain("sum of the files");
  });

  test("has no field that is not declared", () => {
    expect(releaseSchema.safeParse({ ...own, note: "" }).success).toBe(false);
  });
});
